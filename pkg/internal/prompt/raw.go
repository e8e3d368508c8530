package prompt

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// field is a question on the screen that changes with each key.
type field interface {
	// press handles one key. done reports whether the user has answered the question.
	press(k key) (done bool, err error)
	// draw returns the output that replaces the previous drawing. It leaves the cursor on
	// the first line, in the column that cursor returns.
	draw(width, height int, s style.Style) string
	cursor() (column int)
	// end returns the output that replaces the last drawing after an answer. abandon returns
	// the output without an answer.
	end(width int, s style.Style) string
	abandon() string
}

// errNotRaw means that the terminal does not deliver single keys.
type errNotRaw struct{ error }

// interact draws the field until the user answers. The error is an errNotRaw if it drew
// nothing.
func (t *Terminal) interact(ctx context.Context, f field) error {
	leave, err := t.enterRaw()
	if err != nil {
		return errNotRaw{err}
	}
	last := f.abandon
	defer func() { leave(last()) }()
	resized, stop := resizes()
	defer stop()
	for before := 0; ; {
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		width, height, err := term.GetSize(int(t.out.Fd()))
		if err != nil {
			return fmt.Errorf("terminal: %w", err)
		}
		// Process keys before drawing: while the user decides, the screen must show the row
		// that Enter selects.
		for k := t.nextKey(); k != (key{}); k = t.nextKey() {
			done, err := f.press(k)
			if done {
				last = func() string { return f.end(width, t.style) }
			}
			if done || err != nil {
				return err
			}
		}
		up := rowsAbove(f.cursor(), before, width)
		if err := t.print(up + f.draw(width, height, t.style)); err != nil {
			return err
		}
		before = width
		if err := t.readMore(ctx, resized); err != nil {
			return err
		}
	}
}

// rowsAbove returns the output that moves the cursor to the first line of the field. If the
// terminal has become narrower, it breaks that line before the cursor.
func rowsAbove(cursor, before, width int) string {
	if width <= 0 || width >= before || cursor < width {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA", cursor/width)
}

// Autowrap is off while a field is visible. Otherwise, a character whose width differs in
// the terminal could add a line.
const (
	wrapOff = "\x1b[?7l"
	wrapOn  = "\x1b[?7h"
	erase   = "\r\x1b[J"
)

// enterRaw makes the terminal deliver each key, without echo. leave writes the last
// output and restores the terminal mode.
func (t *Terminal) enterRaw() (leave func(last string), err error) {
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
	return func(last string) {
		_, _ = io.WriteString(t.out, last+wrapOn)
		_ = term.Restore(int(t.in.Fd()), before)
		restoreOutput()
	}, nil
}
