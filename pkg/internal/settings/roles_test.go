package settings

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"Push", "Push", true}, {"Push", "push", false}, {"Push", "Pusher", false}, {"Push*", "Pusher", true}, {"Push*", "Push", true},
		{"*", "", true}, {"*", "any", true}, {"", "", true}, {"", "a", false}, {"?", "", false}, {"?", "ä", true}, {"??", "ä", false},
		{"*Only*", "ReadOnlyAccess", true}, {"Read?nly", "ReadOnly", true}, {"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbYbZ", false},
		{"**", "x", true}, {"*.", "a.b.", true}, {"Prod *", "Prod / EU", true}, {"[ab]", "a", false},
	} {
		if got := Glob(c.pattern, c.text); got != c.want {
			t.Errorf("Glob(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
	if Glob(strings.Repeat("*a", 2000), strings.Repeat("a", 4000)+"b") { // must finish quickly
		t.Error("a text with another last letter matches")
	}
}

// FuzzGlob compares the matcher with a simple one that tries every split.
func FuzzGlob(f *testing.F) {
	f.Add("a*b?", "aXbY")
	f.Add("*", "")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 12 || len(text) > 12 {
			return
		}
		if got, want := Glob(pattern, text), everySplit([]rune(pattern), []rune(text)); got != want {
			t.Errorf("Glob(%q, %q) = %v", pattern, text, got)
		}
	})
}

func everySplit(pattern, text []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(text) == 0
	case pattern[0] == '*':
		return everySplit(pattern[1:], text) || len(text) > 0 && everySplit(pattern, text[1:])
	}
	return len(text) > 0 && (pattern[0] == '?' || pattern[0] == text[0]) && everySplit(pattern[1:], text[1:])
}

func TestPreferRolesPreservesRestOfFile(t *testing.T) {
	const table = "# mine\n[registries] # x\n\"public.ecr.aws\" = \"x\"\n"
	for name, c := range map[string]struct {
		before string
		roles  []string
		after  string
	}{
		"empty file":                  {"", []string{"Push", "Read*"}, "roles = [\"Push\", \"Read*\"]\n"},
		"table only":                  {table, []string{"A"}, "roles = [\"A\"]\n\n" + table},
		"after the last key":          {"login = \"never\" # no browser\n\n" + table, []string{"A"}, "login = \"never\" # no browser\nroles = [\"A\"]\n\n" + table},
		"after a key without newline": {"login = \"never\"", []string{"A"}, "login = \"never\"\nroles = [\"A\"]\n"},
		"CRLF":                        {"login = \"never\"\r\n" + table, []string{"A"}, "login = \"never\"\r\nroles = [\"A\"]\r\n" + table},
		"byte-order mark":             {"\ufeff" + table, []string{"A"}, "\ufeffroles = [\"A\"]\n\n" + table},
		"other roles":                 {"  roles=['B' , 'C'] # mine\n" + table, []string{"A"}, "  roles = [\"A\"] # mine\n" + table},
		"other roles in many lines":   {"roles = [\n  'B', # x\n  'C',\n]\ncache = 'none'\n", []string{"A"}, "roles = [\"A\"]\ncache = 'none'\n"},
		"same roles":                  {"roles = ['A' , 'B']", []string{"A", "B"}, "roles = ['A' , 'B']"},
		"another order":               {"roles = ['A' , 'B']", []string{"B", "A"}, "roles = [\"B\", \"A\"]"},
		"no longer any":               {"login = \"never\"\nroles = [\n 'A',\n] # x\n" + table, nil, "login = \"never\"\n" + table},
		"none, as before":             {table, nil, table},
		"dotted mappings come first":  {"registries.\"public.ecr.aws\" = \"x\"\n", []string{"A"}, "registries.\"public.ecr.aws\" = \"x\"\nroles = [\"A\"]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.before)
			if err := PreferRoles(path, c.roles); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(path)
			if err != nil || string(after) != c.after {
				t.Errorf("%v\n%s", err, after)
			}
			if s, err := Load(path); err != nil || !slices.Equal(s.Roles, c.roles) {
				t.Errorf("error %v, got %q", err, s.Roles)
			}
		})
	}
}

func TestPreferRolesRefuses(t *testing.T) {
	for _, roles := range [][]string{{""}, {"a b"}, {"A", "A"}, {"a/b"}, {"ä"}, {"a\n"}, {`a"b`}, {strings.Repeat("x", 65)}} {
		path := put(t, "# mine\n")
		if _, ok := errors.AsType[*RolePatternError](PreferRoles(path, roles)); !ok {
			t.Errorf("%q is accepted", roles)
		}
		if text, _ := os.ReadFile(path); string(text) != "# mine\n" {
			t.Errorf("%q changed the file", roles)
		}
	}
	if err := PreferRoles(put(t, ""), []string{strings.Repeat("x", 64) + "*"}); err != nil {
		t.Error(err)
	}
}
