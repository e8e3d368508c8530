package programs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The expected results are from Python's shlex.split and from _windows_shell_split in the
// AWS CLI's botocore (compat.py).
func TestCommandLinesAreSplitAsAWSCLIDoes(t *testing.T) {
	for _, tt := range []struct {
		split func(string) ([]string, error)
		line  string
		want  []string // nil: a quote is not closed
	}{
		{splitPOSIX, `tool --url https://x/?a=1&b=2`, []string{"tool", "--url", "https://x/?a=1&b=2"}},
		{splitPOSIX, `~/bin/tool $HOME "$(id)" | cat; true`, []string{"~/bin/tool", "$HOME", "$(id)", "|", "cat;", "true"}},
		{splitPOSIX, `"/my tools/x" 'a "b"' c\ d "\e\"" '' # e`, []string{"/my tools/x", `a "b"`, "c d", `\e"`, "", "#", "e"}},
		{splitPOSIX, "a\tb\nc\rd", []string{"a", "b", "c", "d"}},
		{splitPOSIX, `a "b`, nil},
		{splitPOSIX, `a b\`, nil},
		{splitWindows, `C:\tools\x.exe --url https://x/?a=1&b=2`, []string{`C:\tools\x.exe`, "--url", "https://x/?a=1&b=2"}},
		{splitWindows, `"C:\my tools\x.exe" 'a b' "c\\" d\"e \\"f g"`, []string{`C:\my tools\x.exe`, "'a", "b'", `c\`, `d"e`, `\f g`}},
		{splitWindows, `x "" a\\b\`, []string{"x", "", `a\\b\`}},
		{splitWindows, `x "a`, nil},
	} {
		words, err := tt.split(tt.line)
		if diff := cmp.Diff(tt.want, words); diff != "" || (err != nil) != (tt.want == nil) {
			t.Errorf("%s: %v\n%s", tt.line, err, diff)
		}
	}
	for _, line := range []string{"", " ", `""`, `'' x`} {
		if words, err := SplitWords(line); err == nil && line != `'' x` {
			t.Errorf("%q: %q", line, words)
		}
	}
}

func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{`a "b c" d\ e`, `'a`, `"\"\\"`, ``, "\t", `\\"a\"`} {
		f.Add(s)
	}
	posix := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitPOSIX(line)
		if err == nil {
			roundTrip(t, splitPOSIX, words, posix.Replace)
		}
		if words, err = splitWindows(line); err == nil {
			roundTrip(t, splitWindows, words, quoteWindows)
		}
	})
}

func roundTrip(t *testing.T, split func(string) ([]string, error), words []string, escape func(string) string) {
	t.Helper()
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, `"`+escape(w)+`"`)
	}
	again, err := split(strings.Join(quoted, " "))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(words, again); diff != "" {
		t.Fatal(diff)
	}
}

// quoteWindows doubles the backslashes before a quote and before the end.
func quoteWindows(word string) string {
	var out strings.Builder
	backslashes := 0
	for _, r := range word {
		switch r {
		case '\\':
			backslashes++
		case '"':
			out.WriteString(strings.Repeat(`\`, backslashes+1))
			backslashes = 0
		default:
			backslashes = 0
		}
		out.WriteRune(r)
	}
	return out.String() + strings.Repeat(`\`, backslashes)
}
