package awsconfig

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzEdit checks that reading returns the written values, that no other line or value
// changed, and that a second run changes nothing.
func FuzzEdit(f *testing.F) {
	seed, err := os.ReadFile("testdata/dialects.ini")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(strings.Replace(string(seed), "[profile cut off", "[profile cut off]", 1), false, "my dev", "corp", "eu-west-1")
	f.Add("\ufeff[sso-session corp]\r\nsso_session=x\r\n# end", true, "corp", "a#b", "us-east-1")
	f.Add("[profile a]\n  region = x\n  s3 =\n    region = y\n[b]\n", false, "a", "it's", "z")
	f.Add("[profile \"a b\"]\nREGION: x\n\t\n[profile 'a b']", false, "a b", "=", "[x")
	f.Add("[default]\nregion = a\n b\n", false, "default", "", "c")
	f.Add("\ufeff", true, "corp", "x", "us-east-1") // found by fuzzing: linesKept did not handle the byte-order mark
	f.Fuzz(func(t *testing.T, old string, session bool, name, one, two string) {
		c := Change{Section: SectionProfile, Name: name, Keys: []Key{{"sso_session", one}, {"region", two}}}
		if session {
			c.Section = SectionSession
		}
		edited, err := EditText(old, c)
		if err != nil {
			if edited != "" {
				t.Errorf("an error and a text: %v", err)
			}
			return
		}
		linesKept(t, old, edited, c)
		meaningKept(t, old, edited, c)
		if again, err := EditText(edited, c); err != nil || again != edited {
			t.Errorf("a second time: %q, %v", again, err)
		}
	})
}

// linesKept compares both texts. Each line of the new text must be the next line of the old
// text or a line of the change, which may replace the old line of its key.
func linesKept(t *testing.T, old, edited string, c Change) {
	t.Helper()
	before := split(old).all
	i := 0
	for _, line := range split(edited).all {
		if i < len(before) && (line == before[i] ||
			i == len(before)-1 && before[i].end == "" && line.text == before[i].text) {
			i++
			continue
		}
		text := trim(line.text)
		key, _, _ := strings.Cut(text, " = ")
		switch {
		case text == header(c.Section, c.Name):
		case text == "sso_session = "+c.Keys[0].Value, text == "region = "+c.Keys[1].Value:
			if i < len(before) {
				if was, _, ok := assignment(clean(before[i].text)); ok && was == key {
					i++
				}
			}
		default:
			t.Fatalf("line %q is new", line.text)
		}
	}
	if i < len(before) {
		t.Fatalf("line %q is missing", before[i].text)
	}
}

func meaningKept(t *testing.T, old, edited string, c Change) {
	t.Helper()
	before, after := flat(parse(old, configHeader)), flat(parse(edited, configHeader))
	ours := func(p plain) bool { return p.Kind == c.Section && p.Name == c.Name }
	was, is := slices.IndexFunc(before, ours), slices.IndexFunc(after, ours)
	for _, k := range c.Keys {
		if k.Value == "" {
			continue
		}
		if is < 0 || after[is].Keys[k.Name] != k.Value {
			t.Fatalf("%s does not read as %q in %v", k.Name, k.Value, after)
		}
		delete(after[is].Keys, k.Name)
		if was >= 0 {
			delete(before[was].Keys, k.Name)
		}
	}
	if was < 0 && is >= 0 {
		if len(after[is].Keys) > 0 {
			t.Errorf("a new section with foreign keys: %v", after[is].Keys)
		}
		after = slices.Delete(after, is, is+1)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("other values have changed (-before +after):\n%s", diff)
	}
}
