package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Clean makes s safe for a terminal and a log line. It replaces each of these with '?':
// control characters (C0, C1 and DEL, including line breaks), bidirectional and other
// invisible format characters, and bytes of invalid UTF-8. It cuts text that is longer
// than max runes and ends it with "...". Text from a server must go through Clean before
// it is styled (compare CVE-2024-52005).
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

// Unprintable reports whether a character must not be displayed or be part of a name
// written to a file: a control character, an invisible or bidirectional format character
// (category Cf), or a line or paragraph separator.
func Unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) ||
		r == '\u2028' || r == '\u2029' // line and paragraph separator
}

// isInvalid reports whether an invalid byte, not a U+FFFD in the text, is at the start of
// s.
func isInvalid(s string) bool {
	_, size := utf8.DecodeRuneInString(s)
	return size <= 1
}

// cut shortens s, which has max runes, to make room for the mark.
func cut(s string, max int) string {
	const mark = "..."
	r := []rune(s)
	if max <= len(mark) {
		return string(r)
	}
	return string(r[:max-len(mark)]) + mark
}

// MaxQuoted is the maximum number of names that Quoted lists.
const MaxQuoted = 5

// Quoted lists names for a message: "a", "b". If there are more than five, it lists the
// first five and the number of remaining names.
func Quoted(names []string) string {
	var quoted []string
	for _, name := range names[:min(len(names), MaxQuoted)] {
		quoted = append(quoted, strconv.Quote(name))
	}
	list := strings.Join(quoted, ", ")
	if more := len(names) - MaxQuoted; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// Count returns a number with its noun: "1 profile", "2 profiles", "0 registries".
func Count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ry"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// WithoutDot removes the final period of a Windows message. It does not remove an
// ellipsis.
func WithoutDot(text string) string {
	if short, ok := strings.CutSuffix(text, "."); ok && !strings.HasSuffix(short, ".") {
		return short
	}
	return text
}

// WithoutPath returns the cause of an error from package os, without the operation and
// the path. Callers add the path that the user expects instead of a temporary file's
// path.
func WithoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// Span prints a duration of a minute or more in its largest unit, rounded down: "5m",
// "47h", "2 days".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

// Ago prints the time since an event: "just now", "2h ago".
func Ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return Span(d) + " ago"
}
