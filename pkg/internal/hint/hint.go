// Package hint owns the text of messages. It contains the error type with commands that fix
// the error, the commands themselves, the program's name, and functions that make text safe
// to print.
//
// It does not decide which command helps (the use cases do) and prints nothing (the command
// line does). It imports only the standard library.
package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Error is a cause and the commands that can fix it, quoted for a POSIX shell. The most
// likely fix is first.
type Error struct {
	Err    error
	Next   []string
	Remedy Remedy
}

// Remedy is the purpose of an Error's commands, for a caller that has a better command
// for the same purpose.
type Remedy int

// The remedies for a failed sign-in.
const (
	OtherRemedy     Remedy = iota
	SignIn                 // sign in again
	SignInByCode           // sign in again, with a device code
	CorrectSession         // correct the session's start URL or region
	CheckConnection        // find out why the program cannot reach AWS
)

// Error returns the cause and the first command: "cause; run: command".
func (e *Error) Error() string {
	if len(e.Next) == 0 {
		return e.Err.Error()
	}
	return withoutDot(e.Err.Error()) + "; run: " + e.Next[0]
}

// Unwrap returns the cause for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// With attaches commands to err. They replace the existing commands, because the outer
// caller has more information about the user's request. With(nil) is nil.
func With(err error, next ...string) error {
	if err == nil {
		return nil
	}
	if inner, ok := err.(*Error); ok { //nolint:errorlint // replace only the outermost layer
		err = inner.Err
	}
	return &Error{Err: err, Next: next}
}

// For is With plus the remedy for the commands.
func For(remedy Remedy, err error, next ...string) error {
	err = With(err, next...)
	if e, ok := err.(*Error); ok { //nolint:errorlint // the layer from With
		e.Remedy = remedy
	}
	return err
}

// RemedyOf returns the remedy of err.
func RemedyOf(err error) Remedy {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Remedy
	}
	return OtherRemedy
}

// Next returns the commands attached to err, or nil.
func Next(err error) []string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Next
	}
	return nil
}

// maxLine limits a line, in runes. docker prints it as part of a longer line.
const maxLine = 600

// Line renders err as one line for the user: safe to print, without line breaks, and
// limited to about 600 runes. It cuts a long cause, but not the command.
func Line(err error) string {
	text, command := err.Error(), ""
	if next := Next(err); len(next) > 0 {
		command = "; run: " + next[0]
	}
	cause, ok := strings.CutSuffix(text, command)
	if !ok { // an outer error changed the text
		return Clean(withoutDot(text), maxLine)
	}
	return Clean(withoutDot(cause), max(maxLine-len(command), maxLine/4)) + Clean(command, maxLine)
}

// Arg quotes s, if necessary, for the reader's shell on this system: a POSIX shell, or
// the Command Prompt and PowerShell on Windows.
func Arg(s string) string { return argFor(runtime.GOOS, s) }

func argFor(goos, s string) string {
	unsafe := needsQuote
	if goos == "windows" {
		unsafe = needsQuoteOnWindows
	}
	switch {
	case s != "" && strings.IndexFunc(s, unsafe) < 0:
		return s
	case goos == "windows":
		return quoteForWindows(s)
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// needsQuoteOnWindows includes the comma: PowerShell makes a list of words separated by
// commas.
func needsQuoteOnWindows(r rune) bool { return r == ',' || needsQuote(r) && r != '\\' }

// quoteForWindows quotes a word for the C runtime's command-line parser, which treats
// backslashes specially only before a double quote, including the closing one.
// https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
func quoteForWindows(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	backslashes := 0
	for i := range len(s) {
		switch s[i] {
		case '\\':
			backslashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, backslashes+1))
			backslashes = 0
		default:
			backslashes = 0
		}
		b.WriteByte(s[i])
	}
	return b.String() + strings.Repeat(`\`, backslashes) + `"`
}

func needsQuote(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	default:
		return !strings.ContainsRune("-_./:@%+=,", r)
	}
}

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

// withoutDot removes the final period of a Windows message. It does not remove an
// ellipsis.
func withoutDot(text string) string {
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

// In describes a time relative to now, in one unit, such as "in 3h" or "2 days ago".
func In(t, now time.Time) string {
	d := t.Sub(now.Round(0))
	switch {
	case d.Abs() < time.Minute && d >= 0:
		return "in less than a minute"
	case d < 0:
		return Ago(-d)
	}
	return "in " + Remaining(d)
}

// Remaining formats a duration. It rounds down, except in the last 30 seconds of a unit: a
// one-hour token that is a few seconds old has an hour left.
func Remaining(d time.Duration) string { return Span(d + 30*time.Second) }

// Near returns the names that word was probably meant to be, with the most similar name
// first. A name matches if it differs by up to two typing errors (one in a short word),
// or if it starts or ends with word.
func Near(word string, names []string) []string {
	limit := min(2, len([]rune(word))/2)
	distance := map[string]int{}
	var near []string
	for _, name := range names {
		d := edits(strings.ToLower(word), strings.ToLower(name))
		part := len(word) > 1 && (strings.HasPrefix(name, word) || strings.HasSuffix(name, word))
		if d > limit && !part {
			continue
		}
		distance[name] = d
		near = append(near, name)
	}
	sort.SliceStable(near, func(i, j int) bool { return distance[near[i]] < distance[near[j]] })
	return near
}

// edits returns the Levenshtein distance of two words.
func edits(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j := range to {
			cost := diagonal
			if from[i] != to[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
