// Package hint owns what a person reads when something went wrong: an error
// that carries the commands that mend it, and the one sanitiser that every
// text from a server or a file passes before a terminal sees it.
//
// It never decides which command helps (the use-cases on floor 4 do) and never
// prints (the command on floor 5 does). It may import the standard library
// only (floor 0).
package hint

import (
	"errors"
	"strings"
)

// Error is a cause together with the commands that help, likeliest first,
// ready for a POSIX shell.
type Error struct {
	Err  error
	Next []string
}

// Error returns the cause and the first command: "cause; run: command".
func (e *Error) Error() string {
	if len(e.Next) == 0 {
		return e.Err.Error()
	}
	return e.Err.Error() + "; run: " + e.Next[0]
}

// Unwrap returns the cause, so that errors.Is and errors.As see it.
func (e *Error) Unwrap() error { return e.Err }

// With attaches commands to err. Wrapped twice, the outermost advice counts:
// it knows most about what the person wanted. With(nil) is nil.
func With(err error, next ...string) error {
	if err == nil {
		return nil
	}
	if inner, ok := err.(*Error); ok { //nolint:errorlint // only the outermost layer is replaced
		err = inner.Err
	}
	return &Error{Err: err, Next: next}
}

// Next returns the commands that err carries, nil when it carries none.
func Next(err error) []string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Next
	}
	return nil
}

// maxLine bounds the one line; docker repeats it inside a longer one.
const maxLine = 600

// Line renders err as the one line that reaches the person: sanitised, no line
// break, about 600 runes at most. A long cause is cut, the command never.
func Line(err error) string {
	text, command := err.Error(), ""
	if next := Next(err); len(next) > 0 {
		command = "; run: " + next[0]
	}
	cause, ok := strings.CutSuffix(text, command)
	if !ok { // an error around it has words of its own
		return Clean(text, maxLine)
	}
	return Clean(cause, max(maxLine-len(command), maxLine/4)) + Clean(command, maxLine)
}

// Arg quotes s for a POSIX shell when it needs quoting, so that a hint can be
// pasted as it stands.
func Arg(s string) string {
	if s != "" && strings.IndexFunc(s, needsQuote) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func needsQuote(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	default:
		return !strings.ContainsRune("-_./:@%+=,", r)
	}
}
