package populate

import (
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
)

func TestNames(t *testing.T) {
	a := account{ID: "123456789012", Name: " Prod (EU) / Team é "}
	for _, c := range []struct{ prefix, text, role, want string }{
		{"", DefaultTemplate, "Push", "Push-123456789012"},
		{"corp/", DefaultTemplate, "Push", "corp/Push-123456789012"},
		{"", "{account_name}", "Push", "Prod-EU-Team"},
		{"", "{account_name}:{role}@{region}", "a=b,c", "Prod-EU-Team:a-b-c@eu-west-1"},
		{"", "x", "Push", "x"},
		{"{role}.", "{account_id}", "=", "role.123456789012"},
	} {
		tmpl, err := ParseTemplate(c.prefix, c.text, "eu-west-1")
		if err != nil {
			t.Errorf("%q: error %v", c.text, err)
		}
		if got := tmpl.name(a, c.role, "eu-west-1"); got != c.want {
			t.Errorf("%q = %q, want %q", c.text, got, c.want)
		}
	}
	for _, c := range [][3]string{
		{"", "", ""}, {"", "{x}", ""}, {"", "{role", ""}, {"", "{region}", ""}, {"a b", "{role}", ""}, {"", "{role}]", ""},
		{"", "{role}\n", ""}, {"é", "{role}", ""}, {"", "{Role}", ""}, {"'", "{role}", ""}, {"", "role}", ""},
	} {
		if _, err := ParseTemplate(c[0], c[1], c[2]); err == nil {
			t.Errorf("%q was accepted", c)
		}
	}
}

func TestFreeNames(t *testing.T) {
	used := map[string]bool{"a": true, "a-2": true}
	for name, want := range map[string]string{"a": "a-3", "b": "b", "default": "default-2", "DEFAULT": "DEFAULT-2", "": "-2"} {
		if got := free(name, used); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// FuzzSafe checks that any text from the portal results in a name that all tools can read.
func FuzzSafe(f *testing.F) {
	for _, seed := range []string{"Prod", "a]\n[x", "\u202e", "--", strings.Repeat("é ", 100), "a#b;c", "\xff", "'\"\\"} {
		f.Add(seed)
	}
	tmpl, err := ParseTemplate("", "{account_name}-{role}", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := free(tmpl.name(account{ID: "123456789012", Name: text}, text, ""), nil)
		if strings.Trim(name, nameLiteral) != "" || len(name) > 2*maxPart+8 {
			t.Fatalf("got %q", name)
		}
		if _, err := awsconfig.EditText("", awsconfig.Change{Section: awsconfig.SectionProfile, Name: name,
			Keys: []awsconfig.Key{{Name: "sso_account_id", Value: "123456789012"}}}); err != nil {
			t.Fatalf("%q: error %v", name, err)
		}
	})
}
