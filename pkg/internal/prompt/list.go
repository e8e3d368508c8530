package prompt

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/term"
)

const (
	maxRows   = 10 // of a list on the screen, as in the AWS CLI
	minWidth  = 20 // a narrower or lower terminal gets a numbered list
	minHeight = 6
	around    = 2 // lines of a list that are no rows: title and advice
	margin    = 3 // columns before a row, and the last one, where terminals wrap
)

// list is a list on the screen: what is typed narrows it down.
type list struct {
	label  string
	rows   []Row
	filter string
	fits   []int // indexes of the rows that the filter lets through
	at     int   // of fits: where the cursor is
	top    int   // of fits: the first one on the screen
}

func newList(label string, rows []Row, current int) *list {
	l := &list{label: label, rows: rows}
	l.narrow("")
	l.at = current
	return l
}

// chooseByArrows draws the list below the cursor and takes it away again.
func (t *Terminal) chooseByArrows(ctx context.Context, label string, rows []Row, current int) (int, error) {
	leave, err := t.enterRaw()
	if err != nil {
		return t.chooseByNumber(ctx, label, rows, current)
	}
	defer leave()
	resized, ignore := resizes()
	defer ignore()
	l := newList(label, rows, current)
	for {
		if ctx.Err() != nil {
			return 0, ErrInterrupted
		}
		// Keys come before the drawing: while the person decides, the screen must
		// show the row that Enter takes.
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

// The autowrap mode is off while a list is shown, so that a character whose width
// the terminal sees otherwise than we do cannot upset the drawing.
const (
	wrapOff = "\x1b[?7l"
	wrapOn  = "\x1b[?7h"
	erase   = "\r\x1b[J"
)

// enterRaw has the terminal hand over each key, unechoed. leave puts it back as
// it was; the list is gone from the screen then.
func (t *Terminal) enterRaw() (leave func(), err error) {
	output, err := drawable(t.out)
	if err != nil {
		return nil, err
	}
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		output()
		return nil, err
	}
	_, _ = io.WriteString(t.out, wrapOff)
	return func() {
		_, _ = io.WriteString(t.out, erase+wrapOn)
		_ = term.Restore(int(t.in.Fd()), before)
		output()
	}, nil
}

// press is one key. done: the row was chosen.
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
			l.narrow(string(r[:len(r)-1]))
		}
	case keyClear:
		l.narrow("")
	case keyText:
		l.narrow(l.filter + string(k.char))
	}
	return 0, false, nil
}

// move goes round at both ends.
func (l *list) move(by int) {
	if n := len(l.fits); n > 0 {
		l.at = (l.at + by + n) % n
	}
}

// narrow takes a new filter; the cursor stays on its row while that fits.
func (l *list) narrow(filter string) {
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

// draw is the whole list, in place of the one before. The cursor ends behind what
// is typed, on the first line, so that erasing from there erases everything.
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
