package cli

import (
	"encoding/json"
	"strings"
	"testing"
)

// The JSON output preserves all values and contains no characters that a terminal
// interprets.
func TestJSONIsExactAndEscaped(t *testing.T) {
	for _, text := range []string{
		"plain", "\u00fcber \u65e5\u672c \U0001f433", "\x7f", "\u0080\u009b31m\u009f", "\u202egnp.exe", "\u2066x\u2069", "\u200b\ufeff",
		"\u2028\u2029", "\U000e0001\U000e0041", "<a&b>", "\x1b[2J", "\u00ad\u061c",
	} {
		out, err := indented(map[string]string{"v": text})
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := json.Unmarshal(out, &back); err != nil || back["v"] != text {
			t.Errorf("%q became %q, %v", text, back["v"], err)
		}
		if strings.ContainsAny(string(out), "\x1b\x7f\u0080\u009b\u009f\u202e\u2066\u2069\u200b\ufeff\u2028\u2029\U000e0001\U000e0041\u00ad\u061c") {
			t.Errorf("%q is written as %q", text, out)
		}
	}
}
