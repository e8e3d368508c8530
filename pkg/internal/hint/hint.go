// Package hint owns the text of messages: the error that carries the commands which fix
// it, the commands themselves, the program's name, and the functions that make text
// safe to print.
//
// It does not decide which command helps (the packages on layer 4 do) and prints
// nothing (the command line does). It imports the standard library only (layer 0).
package hint

import (
	"errors"
	"runtime"
	"strings"
)

// Error is a cause with the commands that can fix it, the most likely one first, quoted
// for a POSIX shell.
type Error struct {
	Err    error
	Next   []string
	Remedy Remedy
}

// Remedy is what the commands of an Error do, for a caller that has a better command for
// the same purpose.
type Remedy int

// The remedies of a sign-in that failed.
const (
	OtherRemedy     Remedy = iota
	SignIn                 // sign in again
	SignInByCode           // sign in again, with a device code
	CorrectSession         // correct the start URL or the region of the session
	CheckConnection        // find out why AWS was not reached
)

// Error returns the cause and the first command: "cause; run: command".
func (e *Error) Error() string {
	if len(e.Next) == 0 {
		return e.Err.Error()
	}
	return WithoutDot(e.Err.Error()) + "; run: " + e.Next[0]
}

// Unwrap returns the cause, so that errors.Is and errors.As see it.
func (e *Error) Unwrap() error { return e.Err }

// With attaches commands to err. They replace the commands that err has: the outer
// caller knows more about what the user asked for. With(nil) is nil.
func With(err error, next ...string) error {
	if err == nil {
		return nil
	}
	if inner, ok := err.(*Error); ok { //nolint:errorlint // only the outermost layer is replaced
		err = inner.Err
	}
	return &Error{Err: err, Next: next}
}

// For is With, with what the commands do.
func For(remedy Remedy, err error, next ...string) error {
	err = With(err, next...)
	if e, ok := err.(*Error); ok { //nolint:errorlint // the layer that With has made
		e.Remedy = remedy
	}
	return err
}

// RemedyOf returns what the commands of err do.
func RemedyOf(err error) Remedy {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Remedy
	}
	return OtherRemedy
}

// Next returns the commands that err carries, or nil.
func Next(err error) []string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Next
	}
	return nil
}

// maxLine limits a line, in runes; docker prints it inside a longer one.
const maxLine = 600

// Line renders err as one line for the user: safe to print, without line breaks and of
// about 600 runes at most. It cuts a long cause, but not the command.
func Line(err error) string {
	text, command := err.Error(), ""
	if next := Next(err); len(next) > 0 {
		command = "; run: " + next[0]
	}
	cause, ok := strings.CutSuffix(text, command)
	if !ok { // an outer error changed the text
		return Clean(WithoutDot(text), maxLine)
	}
	return Clean(WithoutDot(cause), max(maxLine-len(command), maxLine/4)) + Clean(command, maxLine)
}

// Arg quotes s, if it needs quoting, for the shell that a reader has here: a POSIX shell,
// or the Command Prompt and PowerShell on Windows.
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

// needsQuoteOnWindows: PowerShell makes a list of words with a comma between them.
func needsQuoteOnWindows(r rune) bool { return r == ',' || needsQuote(r) && r != '\\' }

// quoteForWindows quotes a word as the C runtime of a program reads its command line:
// backslashes count only before a double quote, and before the closing one.
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
