package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
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
	resized, stop := style.Resizes()
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
	restoreOutput, err := style.EnableEscapes(t.out)
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

// key is one key press. The zero value means no key.
type key struct {
	code keyCode
	char rune // for keyText
}

type keyCode int

const (
	noKey keyCode = iota
	keyText
	keyEnter
	keyUp
	keyDown
	keyLeft
	keyRight
	keyHome
	keyEnd
	keyPageUp
	keyPageDown
	keyBackspace
	keyDelete
	keyKill  // Ctrl-K: to the end
	keyClear // Ctrl-U: to the start
	keyWord  // Ctrl-W: the word before the cursor
	keyEscape
	keyInterrupt // Ctrl-C
	keyEOF       // Ctrl-D
	keyOther     // has no function
)

// controls are the keys that send one byte. A line feed is an Enter typed before the
// terminal was in raw mode.
var controls = [...]struct {
	char byte
	code keyCode
}{
	{'\r', keyEnter}, {'\n', keyEnter}, {0x7F, keyBackspace}, {'\b', keyBackspace}, {'U' & 0x1F, keyClear},
	{'K' & 0x1F, keyKill}, {'W' & 0x1F, keyWord}, {'A' & 0x1F, keyHome}, {'E' & 0x1F, keyEnd},
	{'P' & 0x1F, keyUp}, {'N' & 0x1F, keyDown}, {'B' & 0x1F, keyLeft}, {'F' & 0x1F, keyRight},
	{'C' & 0x1F, keyInterrupt}, {'D' & 0x1F, keyEOF},
}

// finals are the last characters of the sequences for arrows, Home and End. tildes are the
// numbers of the sequences that end with ~ (xterm, "PC-Style Function Keys"; rxvt uses 7
// and 8). A second number is a modifier, such as Shift.
var (
	finals = map[byte]keyCode{'A': keyUp, 'B': keyDown, 'C': keyRight, 'D': keyLeft, 'H': keyHome, 'F': keyEnd}
	tildes = map[string]keyCode{"1": keyHome, "7": keyHome, "4": keyEnd, "8": keyEnd, "3": keyDelete, "5": keyPageUp, "6": keyPageDown}
)

// maxSequence is greater than the length of any key's escape sequence.
const maxSequence = 16

// parseKey returns the first key in b and its length in bytes. It returns no key and 0 if b
// ends within the key.
func parseKey(b []byte) (key, int) {
	if len(b) == 0 {
		return key{}, 0
	}
	if b[0] == 0x1B {
		return parseEscape(b)
	}
	for _, c := range controls {
		if b[0] == c.char {
			return key{code: c.code}, 1
		}
	}
	if !utf8.FullRune(b) {
		return key{}, 0
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError || !unicode.IsPrint(r) {
		return key{code: keyOther}, n
	}
	return key{keyText, r}, n
}

// parseEscape parses an escape sequence (ECMA-48 section 5.4: CSI, parameters, a final
// byte; SS3 and one byte for the arrows on some terminals) or the key Escape. The next byte
// distinguishes them; readMore handles an Escape without a next byte.
func parseEscape(b []byte) (key, int) {
	if len(b) == 1 {
		return key{}, 0
	}
	if b[1] != '[' && b[1] != 'O' {
		return key{code: keyEscape}, 1
	}
	end := bytes.IndexFunc(b[2:], func(r rune) bool { return r >= '@' && r <= '~' })
	if end < 0 {
		if len(b) >= maxSequence {
			return key{code: keyOther}, len(b)
		}
		return key{}, 0
	}
	n := end + 3
	code, ok := finals[b[n-1]]
	if b[n-1] == '~' {
		number, _, _ := strings.Cut(string(b[2:n-1]), ";")
		code, ok = tildes[number]
	}
	if !ok {
		code = keyOther
	}
	return key{code: code}, n
}

// nextKey returns the next key, including keys typed before the question.
func (t *Terminal) nextKey() key {
	if t.escaped {
		t.escaped, t.rest = false, t.rest[1:]
		return key{code: keyEscape}
	}
	k, n := parseKey(t.rest)
	t.rest = t.rest[n:]
	return k
}

// typed is the result of one terminal read.
type typed struct {
	b   []byte
	err error
}

// escapeTimeout is the wait for the next byte after an Escape. A terminal sends all bytes of
// a sequence together, but a slow network may separate them.
const escapeTimeout = 100 * time.Millisecond

// readMore waits for more keys or for a resize. An Escape that no other byte follows in time
// is a key.
func (t *Terminal) readMore(ctx context.Context, resized <-chan os.Signal) error {
	if string(t.rest) != "\x1b" {
		if err := t.wait(ctx, resized, nil); err != nil {
			return err
		}
	}
	if string(t.rest) == "\x1b" {
		return t.wait(ctx, resized, time.After(escapeTimeout))
	}
	return nil
}

// wait waits for input, for a resize, or for the end of an Escape. After a resize, the read
// continues in the background, and the next call waits for it.
func (t *Terminal) wait(ctx context.Context, resized <-chan os.Signal, timeout <-chan time.Time) error {
	if t.reading == nil {
		t.reading = make(chan typed, 1)
		in, done := t.in, t.reading
		crash.Go(func() {
			buf := make([]byte, maxLine)
			n, err := in.Read(buf)
			done <- typed{buf[:n], err}
		})
	}
	select {
	case <-timeout:
		t.escaped = true
		return nil
	case r := <-t.reading:
		t.reading = nil
		t.rest = append(t.rest, r.b...)
		switch {
		case len(r.b) > 0 || r.err == nil:
			return nil
		case errors.Is(r.err, io.EOF):
			return ErrEnded
		}
		return fmt.Errorf("terminal: %w", r.err)
	case <-resized:
		return nil
	case <-ctx.Done():
		// The read continues, as in line. Nothing else reads before the process ends.
		return ErrInterrupted
	}
}
