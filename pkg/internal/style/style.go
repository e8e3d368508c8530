// Package style determines a terminal's capabilities and formats text for it: emphasis,
// verdicts with a symbol, links, and lines that fit the width.
//
// Usage: create one Style for each stream, then format all text with it.
//
//	s := style.Of(os.Stderr, e)           // plain for a pipe, NO_COLOR and TERM=dumb
//	s.Bold(code)                          // stands out
//	s.OK("Signed in"), s.Warning("..."), s.Problem("...") // a sentence after its symbol
//	s.Mark(style.Problem, "problem ")     // a verdict in a column of a table
//	s.URL(url), s.Link(url, columns)      // a link, whole or with a shortened text
//	style.Wrap(text, style.Width(f))      // lines that break between words
//
// A plain Style adds no escape sequences and no symbols, so pipes get the same words. The
// package prints nothing and does not read the environment itself. It may import layer 0
// (layer 1). The command line, its questions and the sign-in use it.
package style

import (
	"os"

	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// Style is the set of a stream's capabilities. The zero value is plain.
type Style struct {
	emphasis bool // colors and symbols
	links    bool // OSC 8
}

// Of returns the style of a stream. It is plain if f is not a terminal, if NO_COLOR is
// set (https://no-color.org), or if the terminal cannot move its cursor.
func Of(f *os.File, e env.Set) Style {
	if e.Get(env.NoColor) != "" || !CanMoveCursor(f, e) {
		return Style{}
	}
	return Style{emphasis: true, links: hasLinks(e)}
}

// CanMoveCursor reports whether f is a terminal that can redraw a line. On Unix this
// depends on TERM. A Windows console needs no TERM; CanMoveCursor enables escape
// sequences on it.
func CanMoveCursor(f *os.File, e env.Set) bool {
	return term.IsTerminal(int(f.Fd())) && canMove(e.Get(env.Term)) && enableEscapes(f)
}

// Width returns the number of columns of the terminal f, or 0 if f is not a terminal or
// has no size.
func Width(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Plain reports whether s adds nothing to text.
func (s Style) Plain() bool { return !s.emphasis }

// The sequences from ECMA-48, section 8.3.117 (SGR).
const (
	reset  = "\x1b[m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
)

// Bold emphasizes text.
func (s Style) Bold(text string) string { return s.in(bold, text) }

// Faint is for text that is less important than the surrounding text.
func (s Style) Faint(text string) string { return s.in(faint, text) }

func (s Style) in(sequence, text string) string {
	if !s.emphasis || text == "" {
		return text
	}
	return sequence + text + reset
}

// Level is a verdict.
type Level int

// The verdicts.
const (
	OK Level = iota
	Warning
	Problem
)

var marks = [...]struct{ symbol, color string }{
	OK: {"✓", green}, Warning: {"!", yellow}, Problem: {"✗", red},
}

// Mark returns a word in the color of its verdict, after the symbol and a space. A plain
// style returns only the word.
func (s Style) Mark(l Level, word string) string {
	if !s.emphasis {
		return word
	}
	return marks[l].color + marks[l].symbol + " " + word + reset
}

// OK returns a sentence after a green symbol.
func (s Style) OK(text string) string { return s.symbol(OK) + text }

// Warning returns a sentence after a yellow symbol. A plain style uses the word "warning"
// instead of the symbol.
func (s Style) Warning(text string) string {
	if !s.emphasis {
		return "warning: " + text
	}
	return s.symbol(Warning) + text
}

// Problem returns a sentence after a red symbol.
func (s Style) Problem(text string) string { return s.symbol(Problem) + text }

func (s Style) symbol(l Level) string {
	if !s.emphasis {
		return ""
	}
	return marks[l].color + marks[l].symbol + reset + " "
}
