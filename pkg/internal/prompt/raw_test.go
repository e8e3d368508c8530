package prompt

import (
	"slices"
	"testing"
)

func TestKeys(t *testing.T) {
	text := func(s string) (all []key) {
		for _, r := range s {
			all = append(all, key{keyText, r})
		}
		return all
	}
	code := func(c keyCode) []key { return []key{{code: c}} }
	for name, tc := range map[string]struct {
		typed string
		want  []key
		left  string
	}{
		"letters":                            {"aé東", text("aé東"), ""},
		"half a letter needs more bytes":     {"a\xe6\x9d", text("a"), "\xe6\x9d"},
		"invalid byte has no function":       {"\xffa", append(code(keyOther), text("a")...), ""},
		"arrows, both dialects":              {"\x1b[A\x1bOB", append(code(keyUp), code(keyDown)...), ""},
		"arrow with a modifier":              {"\x1b[1;5A", code(keyUp), ""},
		"half an arrow needs more bytes":     {"\x1b[1", nil, "\x1b[1"},
		"letters of other keys are not text": {"\x1b[2~\x1b[15~", append(code(keyOther), code(keyOther)...), ""},
		"Home and End, three dialects":       {"\x1b[H\x1bOF\x1b[1~\x1b[8~", []key{{code: keyHome}, {code: keyEnd}, {code: keyHome}, {code: keyEnd}}, ""},
		"PageUp, PageDown, Delete":           {"\x1b[5~\x1b[6;2~\x1b[3~", []key{{code: keyPageUp}, {code: keyPageDown}, {code: keyDelete}}, ""},
		"Ctrl-A, E, K, W":                    {"\x01\x05\x0b\x17", []key{{code: keyHome}, {code: keyEnd}, {code: keyKill}, {code: keyWord}}, ""},
		"Escape, then a letter":              {"\x1ba", append(code(keyEscape), text("a")...), ""},
		"Escape twice, then an arrow":        {"\x1b\x1b\x1b[A", []key{{code: keyEscape}, {code: keyEscape}, {code: keyUp}}, ""},
		"Escape alone needs more time":       {"a\x1b", text("a"), "\x1b"},
		"sequence without end":               {"\x1b[00000000000000", code(keyOther), ""},
		"line ends":                          {"\r\n", append(code(keyEnter), code(keyEnter)...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			term := &Terminal{rest: []byte(tc.typed)}
			var got []key
			for k := term.nextKey(); k != (key{}); k = term.nextKey() {
				got = append(got, k)
			}
			if !slices.Equal(got, tc.want) || string(term.rest) != tc.left {
				t.Errorf("got %v, left %q; want %v, %q", got, term.rest, tc.want, tc.left)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"a", "\x1b[A", "\x1b", "\x1b[", "\x1bOB", "\xe6\x9d\xb1", "\xff", "\x1b[000000000000000000"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, n := parseKey(b)
		if n < 0 || n > len(b) || (n == 0) != (k == key{}) {
			t.Fatalf("%v after %d bytes of %q", k, n, b)
		}
		// The key must not depend on the bytes after it, except for Escape and keyOther
		// (invalid UTF-8).
		if again, m := parseKey(b[:n]); (again != k || m != n) && k.code != keyOther && k.code != keyEscape {
			t.Errorf("%q is %v, alone it is %v", b[:n], k, again)
		}
		// An incomplete sequence must not wait for more input forever.
		if n == 0 && len(b) >= maxSequence {
			t.Errorf("%q waits for more", b)
		}
	})
}
