package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Row is one choice. Both texts can come from a server: they are cleaned here.
type Row struct {
	Text string // such as "Production, prod@example.com"
	ID   string // "123456789012"; shown complete and in brackets after Text, or alone
}

// fit formats a row in at most width columns. It shortens the text rather than the ID,
// which users compare.
func (r Row) fit(width int) string {
	text, id := hint.Clean(r.Text, maxShown), hint.Clean(r.ID, maxShown)
	switch {
	case id == "":
		return cut(text, width)
	case text == "":
		return cut(id, width)
	}
	tail := " (" + id + ")"
	return cut(cut(text, max(width-columns(tail), 0))+tail, width)
}

// Choose lets the user choose one of the rows and returns its index: with the arrow keys
// and a filter, or by number if a list cannot be drawn. label names the choice
// ("account"); current is the row to start at, -1 for none. Errors: those of Text.
func (t *Terminal) Choose(ctx context.Context, label string, rows []Row, current int) (int, error) {
	if len(rows) == 0 {
		return 0, errors.New("nothing to choose from")
	}
	if current >= len(rows) {
		current = -1
	}
	if t.plain {
		return t.chooseByNumber(ctx, label, rows, current)
	}
	return t.chooseByArrows(ctx, label, rows, max(current, 0))
}

// chooseByNumber prints the rows with numbers. It also accepts the ID or the text of a
// row as the answer.
func (t *Terminal) chooseByNumber(ctx context.Context, label string, rows []Row, current int) (int, error) {
	var b strings.Builder
	digits := len(strconv.Itoa(len(rows)))
	for i, r := range rows {
		fmt.Fprintf(&b, "%*d) %s\n", digits+2, i+1, r.fit(maxShown))
	}
	if err := t.print(b.String()); err != nil {
		return 0, err
	}
	q := Question{
		Label: "Number of the " + label,
		Empty: fmt.Sprintf("(1-%d)", len(rows)),
		Check: func(answer string) error {
			if _, ok := find(rows, answer); !ok {
				return fmt.Errorf("a number from 1 to %d is needed", len(rows))
			}
			return nil
		},
	}
	if current >= 0 {
		q.Current = strconv.Itoa(current + 1)
	}
	answer, err := t.Text(ctx, q)
	if err != nil {
		return 0, err
	}
	i, _ := find(rows, answer)
	return i, nil
}

// find returns the row for an answer: a row's number, else the ID or text of exactly one
// row.
func find(rows []Row, answer string) (int, bool) {
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(rows) {
		return n - 1, true
	}
	at, found := 0, 0
	for i, r := range rows {
		if answer != "" && (answer == r.ID || strings.EqualFold(answer, r.Text)) {
			at, found = i, found+1
		}
	}
	return at, found == 1
}

const (
	maxRows   = 10 // of a list on the screen, as in the AWS CLI
	minWidth  = 20 // a smaller terminal gets a numbered list
	minHeight = 6
	around    = 2 // lines of a list that are not rows: title and advice
	margin    = 3 // columns before a row, and the last one, where terminals wrap
)

// list is a list on the screen with a filter that the user types.
type list struct {
	label  string
	rows   []Row
	filter string
	fits   []int // indexes of the rows that match the filter
	at     int   // of fits: where the cursor is
	top    int   // of fits: the first one on the screen
}

func newList(label string, rows []Row, current int) *list {
	l := &list{label: label, rows: rows}
	l.setFilter("")
	l.at = current
	return l
}

// chooseByArrows draws the list below the cursor and erases it at the end.
func (t *Terminal) chooseByArrows(ctx context.Context, label string, rows []Row, current int) (int, error) {
	leave, err := t.enterRaw()
	if err != nil {
		return t.chooseByNumber(ctx, label, rows, current)
	}
	defer leave()
	resized, stop := resizes()
	defer stop()
	l := newList(label, rows, current)
	for {
		if ctx.Err() != nil {
			return 0, ErrInterrupted
		}
		// Keys before the drawing: while the user decides, the screen must show the row
		// that Enter selects.
		for k := t.nextKey(); k != (key{}); k = t.nextKey() {
			row, done, err := l.press(k)
			if done || err != nil {
				return row, err
			}
		}
		width, height, err := term.GetSize(int(t.out.Fd()))
		if err != nil {
			return 0, fmt.Errorf("terminal: %w", err)
		}
		if err := t.print(l.draw(width, height, t.colour)); err != nil {
			return 0, err
		}
		if err := t.readMore(ctx, resized); err != nil {
			return 0, err
		}
	}
}

// Autowrap is off while a list is shown, so that a character whose width is different in
// the terminal does not add a line.
const (
	wrapOff = "\x1b[?7l"
	wrapOn  = "\x1b[?7h"
	erase   = "\r\x1b[J"
)

// enterRaw makes the terminal deliver each key, without an echo. leave erases the list
// and restores the terminal's mode.
func (t *Terminal) enterRaw() (leave func(), err error) {
	restoreOutput, err := enableEscapes(t.out)
	if err != nil {
		return nil, err
	}
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		restoreOutput()
		return nil, err
	}
	_, _ = io.WriteString(t.out, wrapOff)
	return func() {
		_, _ = io.WriteString(t.out, erase+wrapOn)
		_ = term.Restore(int(t.in.Fd()), before)
		restoreOutput()
	}, nil
}

// press handles one key. done reports that row was chosen.
func (l *list) press(k key) (row int, done bool, err error) {
	switch k.code {
	case keyInterrupt:
		return 0, false, ErrInterrupted
	case keyEnd:
		return 0, false, ErrEnded
	case keyEnter:
		if len(l.fits) > 0 {
			return l.fits[l.at], true, nil
		}
	case keyUp:
		l.move(-1)
	case keyDown:
		l.move(1)
	case keyBackspace:
		if r := []rune(l.filter); len(r) > 0 {
			l.setFilter(string(r[:len(r)-1]))
		}
	case keyClear:
		l.setFilter("")
	case keyText:
		l.setFilter(l.filter + string(k.char))
	}
	return 0, false, nil
}

// move moves the cursor and wraps around at both ends.
func (l *list) move(by int) {
	if n := len(l.fits); n > 0 {
		l.at = (l.at + by + n) % n
	}
}

// setFilter sets the filter; the cursor stays on its row if that still matches.
func (l *list) setFilter(filter string) {
	before := -1
	if len(l.fits) > 0 {
		before = l.fits[l.at]
	}
	l.filter, l.fits = filter, nil
	for i, r := range l.rows {
		if strings.Contains(strings.ToLower(r.fit(maxShown)), strings.ToLower(filter)) {
			l.fits = append(l.fits, i)
		}
	}
	l.at = max(slices.Index(l.fits, before), 0)
}

// draw returns the output that replaces the previous list. The cursor ends after the
// filter on the first line, so that erasing from there erases the whole list.
func (l *list) draw(width, height int, colour bool) string {
	bold, faint, plain := "\x1b[1m", "\x1b[2m", "\x1b[m"
	if !colour {
		bold, faint, plain = "", "", ""
	}
	title := cut(l.label+": "+l.filter, width-1)
	lines := []string{
		bold + title + plain,
		faint + cut("type to filter, arrows and Enter choose", width-1) + plain,
	}
	n := max(min(len(l.fits), maxRows, height-around-1), 0)
	l.top = max(min(l.top, l.at, len(l.fits)-n), l.at-n+1, 0)
	for i := l.top; i < l.top+n; i++ {
		row := l.rows[l.fits[i]].fit(width - margin)
		if i == l.at {
			lines = append(lines, "> "+bold+row+plain)
		} else {
			lines = append(lines, "  "+row)
		}
	}
	if len(l.fits) == 0 {
		lines = append(lines, "  no row fits")
	}
	return erase + strings.Join(lines, "\r\n") + fmt.Sprintf("\x1b[%dA\r\x1b[%dC", len(lines)-1, max(columns(title), 1))
}

// columns returns the width of a text on the screen. hint.Clean has removed characters
// that join others.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// columnsOf returns the width of a character by Unicode's East Asian width (UAX #11).
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
