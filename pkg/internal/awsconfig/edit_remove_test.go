package awsconfig

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEditTextRemoves(t *testing.T) {
	const a, b = "[profile a]\nregion = x\n", "[profile b]\noutput = json\n"
	for name, c := range map[string]struct{ before, after string }{
		"only section":                          {a, ""},
		"first of two":                          {a + b, b},
		"last of two":                           {b + a, b},
		"last, without a newline":               {b + "[profile a]\nregion = x", b},
		"with comments and nested keys inside":  {"[profile a] # x\n# c\nregion = x\ns3 =\n  y = 1\n" + b, b},
		"comments above the next section stay":  {a + "\n# of b\n" + b, "\n# of b\n" + b},
		"comments at the end stay":              {b + a + "# the end\n", b + "# the end\n"},
		"spelled differently":                   {"[profile 'a']\nregion = x\n" + b, b},
		"without keys":                          {"[profile a]\n" + b, b},
		"CRLF":                                  {"[profile a]\r\nregion = x\r\n[profile b]\r\noutput = json\r\n", "[profile b]\r\noutput = json\r\n"},
		"section that does not exist":           {b, b},
		"session of the same name":              {"[sso-session a]\nsso_region = x\n" + a, "[sso-session a]\nsso_region = x\n"},
		"blank line above the section stays":    {b + "\n" + a, b + "\n"},
		"two headers with a comment in between": {a + "# between\n" + b, "# between\n" + b},
	} {
		t.Run(name, func(t *testing.T) {
			after, err := EditText(c.before, Change{Section: SectionProfile, Name: "a", Remove: true})
			if err != nil || after != c.after {
				t.Errorf("%v\n%q", err, after)
			}
		})
	}
	// One edit removes, adds and changes sections.
	after, err := EditText(a+b, Change{Section: SectionProfile, Name: "a", Remove: true},
		Change{Section: SectionProfile, Name: "b", Keys: []Key{{"output", "text"}}},
		Change{Section: SectionProfile, Name: "c", Keys: []Key{{"region", "z"}}})
	if want := "[profile b]\noutput = text\n[profile c]\nregion = z\n"; err != nil || after != want {
		t.Errorf("%v\n%s", err, after)
	}
}

// The edit time of thousands of sections must grow linearly with their number.
func BenchmarkEditThousands(b *testing.B) {
	var add, remove []Change
	for i := range 3000 {
		name := fmt.Sprintf("Role%d-1%011d", i%3, i/3)
		add = append(add, Change{Section: SectionProfile, Name: name, Keys: []Key{
			{"sso_session", "corp"}, {"sso_account_id", fmt.Sprintf("1%011d", i/3)}, {"sso_role_name", "Role"}, {"region", "us-east-1"}}})
		remove = append(remove, Change{Section: SectionProfile, Name: name, Remove: true})
	}
	for b.Loop() {
		start := time.Now()
		text, err := EditText("[profile mine]\nregion = x\n", add...)
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "add-ms")
		if err != nil || strings.Count(text, "[") != 3001 {
			b.Fatal(err)
		}
		if text, err = EditText(text, remove...); err != nil || strings.Count(text, "[") != 1 {
			b.Fatal(err, text)
		}
	}
}
