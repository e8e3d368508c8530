package hint

import (
	"slices"
	"testing"
)

func TestNear(t *testing.T) {
	names := []string{"prod", "prod-admin", "dev", "staging", "Push-123456789012"}
	for word, want := range map[string][]string{
		"prdo":              {"prod"},
		"prod":              {"prod", "prod-admin"},
		"PROD":              {"prod"},
		"stagin":            {"staging"},
		"admin":             {"prod-admin"},
		"Push-123456789021": {"Push-123456789012"},
		"typo":              nil,
		"x":                 nil,
		"":                  nil,
		"dve":               nil, // three letters allow one change, but this needs two
	} {
		if got := Near(word, names); !slices.Equal(got, want) {
			t.Errorf("Near(%q) = %q, want %q", word, got, want)
		}
	}
}
