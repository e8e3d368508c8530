package awsconfig

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plain is a comparable form of a section.
type plain struct {
	Kind, Name string
	Keys       map[string]string
	Nested     map[string]map[string]string
}

func flat(f file) []plain {
	out := []plain{}
	for _, s := range f.sections {
		out = append(out, plain{s.kind, s.Name, s.Keys().Map(), s.Nested()})
	}
	return out
}

// render writes sections in one canonical form: quoted names, a blank on each side of =, and
// quotes around values that need them.
func render(t *testing.T, f file) string {
	var b strings.Builder
	for _, s := range flat(f) {
		b.WriteString("[" + s.Kind + " '" + strings.ReplaceAll(s.Name, "'", `'"'"'`) + "']\n")
		for _, key := range slices.Sorted(maps.Keys(s.Keys)) {
			b.WriteString(key + " = " + renderValue(t, s.Keys[key]) + "\n")
			for _, sub := range slices.Sorted(maps.Keys(s.Nested[key])) {
				b.WriteString("  " + sub + " = " + renderValue(t, s.Nested[key][sub]) + "\n")
			}
		}
	}
	return b.String()
}

func renderValue(t *testing.T, value string) string {
	for _, form := range []string{value, `"` + value + `"`, `'` + value + `'`} {
		if unquote(trimRight(" "+form)) == value { // trailing blanks are removed first
			return form
		}
	}
	t.Fatalf("no form gives the value %q", value)
	return ""
}

// FuzzParse checks that printing and parsing again does not change the sections, and that
// names and values never contain a line break.
func FuzzParse(f *testing.F) {
	seed, err := os.ReadFile("testdata/dialects.ini")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add(strings.ReplaceAll(string(seed), "\n", "\r\n"))
	f.Add("\ufeff[profile 'it'\"'\"'s']\r\nk = \"a' # b\"\n s = \n\t x:'#'\n[profile \"a\\\"]\"]\n=\n\x00 = \xff\n")
	f.Add("[profile a]\ns3 =\n k = v\ns3 = x\n[profile a]\ns3 =\n l = #w\n k =#v\n")
	f.Fuzz(func(t *testing.T, data string) {
		config, credentials := parse(data, configHeader), parse(data, credentialsHeader)
		again := parse(render(t, config), configHeader)
		if diff := cmp.Diff(flat(config), flat(again)); diff != "" {
			t.Errorf("printed and read again (-first +second):\n%s", diff)
		}
		for _, s := range slices.Concat(config.sections, credentials.sections) {
			if s.Name == "" || strings.Contains(s.Name, "\n") {
				t.Errorf("name %q", s.Name)
			}
		}
		c := build(config, credentials)
		for _, p := range c.Profiles {
			s, ok, err := c.SSO(p.Name)
			if ok && (err != nil || s.missing() != nil) {
				t.Errorf("an SSO profile that is not ready: %+v, %v", s, err)
			}
			if !ok && s != (SSO{}) {
				t.Errorf("both an error and a result: %+v", s)
			}
			o, err := c.Origin(p.Name)
			if ok && (err != nil || o.Kind != FromSSO || o.SSO != s || len(o.Roles) > 0) {
				t.Errorf("origin of SSO profile %q: %+v, %v", p.Name, o, err)
			}
		}
	})
}
