// Package hint owns the text of messages. It contains the error type with commands that
// fix the error, the commands themselves, the program's name, and functions that make
// text safe to print.
//
// It does not decide which command helps (the packages on layer 4 do) and prints nothing
// (the command line does). It imports only the standard library (layer 0).
package hint

import (
	"errors"
	"runtime"
	"strings"
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
	return WithoutDot(e.Err.Error()) + "; run: " + e.Next[0]
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
		return Clean(WithoutDot(text), maxLine)
	}
	return Clean(WithoutDot(cause), max(maxLine-len(command), maxLine/4)) + Clean(command, maxLine)
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
