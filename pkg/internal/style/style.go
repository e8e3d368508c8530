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
// package prints nothing and does not read the environment itself. The command line, its
// questions and the sign-in use it.
package style

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
	"golang.org/x/text/width"

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
	kind := e.Get(env.Term)
	if kind == "dumb" || kind == "" && runtime.GOOS != "windows" || !term.IsTerminal(int(f.Fd())) {
		return false
	}
	_, err := EnableEscapes(f)
	return err == nil
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

// URL returns an emphasized URL, as a link if the terminal supports links.
func (s Style) URL(url string) string { return s.linked(url, url) }

// Link returns a link to url with text of up to limit columns. If the terminal does not
// support links, it returns the whole URL, because a shortened one cannot be opened.
func (s Style) Link(url string, limit int) string {
	if !s.links || !isPrintable(url) {
		return s.URL(url)
	}
	return s.linked(Cut(url, limit), url)
}

// linked formats text as a hyperlink: OSC 8, the URL, ST, the text, and OSC 8 without a
// URL (https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda).
func (s Style) linked(text, url string) string {
	text = s.in(cyan, text)
	if !s.links || !isPrintable(url) {
		return text
	}
	return "\x1b]8;;" + url + "\x1b\\" + text + "\x1b]8;;\x1b\\"
}

// isPrintable reports whether a URL contains only characters that OSC 8 allows.
func isPrintable(url string) bool {
	return strings.IndexFunc(url, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// The terminals with OSC 8, identified by the variables that they set. An unknown
// terminal is treated as a terminal without OSC 8: otherwise it might show a shortened
// URL that cannot be opened.
var (
	linkPrograms = map[string]bool{ // TERM_PROGRAM
		"iTerm.app": true, "WezTerm": true, "vscode": true, "ghostty": true, "mintty": true,
		"Hyper": true, "Tabby": true, "rio": true, "contour": true,
	}
	linkTerms = []string{"xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour"} // TERM, also over SSH
)

// The first versions with OSC 8: VTE 0.50 (GNOME Terminal and other terminals), Konsole
// 20.12.
const (
	firstVTE     = 5000
	firstKonsole = 201200
)

// hasLinks reports whether the terminal supports OSC 8 hyperlinks. If FORCE_HYPERLINK is
// set, it decides (0 means no), as in other programs. tmux and screen pass on the
// variables of the outer terminal, but not always its links.
func hasLinks(e env.Set) bool {
	if force := e.Get(env.ForceHyperlink); force != "" {
		return force != "0"
	}
	kind := e.Get(env.Term)
	if e.Get(env.Tmux) != "" || strings.HasPrefix(kind, "tmux") || strings.HasPrefix(kind, "screen") {
		return false
	}
	for _, known := range linkTerms {
		if strings.HasPrefix(kind, known) {
			return true
		}
	}
	return linkPrograms[e.Get(env.TermProgram)] || e.Get(env.WTSession) != "" ||
		atLeast(e.Get(env.VTEVersion), firstVTE) || atLeast(e.Get(env.KonsoleVersion), firstKonsole)
}

func atLeast(version string, first int) bool {
	n, err := strconv.Atoi(version)
	return err == nil && n >= first
}

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
