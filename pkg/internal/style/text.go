package style

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Columns returns the width of a text on the screen. Escape sequences have no width.
func Columns(s string) int {
	n := 0
	for s != "" {
		if skip := sequence(s); skip > 0 {
			s = s[skip:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		n += columnsOf(r)
		s = s[size:]
	}
	return n
}

// sequence returns the length of the escape sequence at the start of s. It recognizes the
// sequences that this package writes.
func sequence(s string) int {
	switch {
	case strings.HasPrefix(s, "\x1b["):
		return strings.IndexByte(s, 'm') + 1
	case strings.HasPrefix(s, "\x1b]"):
		if end := strings.Index(s, "\x1b\\"); end > 0 {
			return end + 2
		}
	}
	return 0
}

// columnsOf returns the width of a character according to Unicode's East Asian Width (UAX
// #11).
func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// Cut shortens text without escape sequences to a maximum of limit columns.
func Cut(s string, limit int) string {
	const mark = "..."
	if Columns(s) <= limit {
		return s
	}
	left := limit - len(mark)
	if left < 0 {
		return mark[:max(limit, 0)]
	}
	for i, r := range s {
		if left -= columnsOf(r); left < 0 {
			return s[:i] + mark
		}
	}
	return s
}

// Wrap breaks text between words into lines of up to limit columns. It never splits a
// word, so a URL or a command can be copied. A limit of 0 means one line. The first line
// keeps its leading spaces, and the other lines get the same indentation.
func Wrap(text string, limit int) []string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = indent + word
		case limit > 0 && Columns(line)+1+Columns(word) > limit:
			lines = append(lines, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
