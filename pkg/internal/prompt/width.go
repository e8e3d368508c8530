package prompt

import (
	"unicode"

	"golang.org/x/text/width"
)

// columns is the width of a text on the screen. The text has passed hint.Clean,
// so no character joins others into one.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// columnsOf goes by Unicode's East Asian width (UAX #11).
func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// cut shortens s to at most limit columns.
func cut(s string, limit int) string {
	const mark = "..."
	if columns(s) <= limit {
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
