package hint

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes s fit for a terminal and a log line: control characters (C0, C1
// and DEL, the line breaks among them), bidirectional and other invisible
// format characters and invalid UTF-8 become one '?' each, and what is longer
// than max runes is cut and ends in "...". Server text passes here before any
// styling (CVE-2024-52005 and its kin are what happens otherwise).
func Clean(s string, max int) string {
	var b strings.Builder
	n := 0
	for i, r := range s {
		if n == max {
			return cut(b.String(), max)
		}
		if Unprintable(r) || r == utf8.RuneError && isInvalid(s[i:]) {
			r = '?'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// Unprintable reports whether a character is not to be shown, nor to be part of a name
// that is written to a file: a control character, an invisible or bidirectional format
// character (category Cf), a line or paragraph separator.
func Unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) ||
		r == '\u2028' || r == '\u2029' // line and paragraph separator
}

// isInvalid tells a broken byte from a genuine U+FFFD in the text.
func isInvalid(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size <= 1
}

// cut shortens s, which has max runes, so that the mark fits inside max.
func cut(s string, max int) string {
	const mark = "..."
	r := []rune(s)
	if max <= len(mark) {
		return string(r)
	}
	return string(r[:max-len(mark)]) + mark
}
