// Package prompt asks the user questions on the terminal device: for lines of text and for
// choices from a list.
//
// It does not use stdin, stdout or stderr, which belong to the program's caller, and it
// does not handle secrets. It draws its list itself, see docs/decisions/0005. Apart from
// the command, it is the only package that uses the terminal. Package configure uses it for
// its questions.
package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// ErrNoTerminal means that the process has no terminal.
var ErrNoTerminal = errors.New("there is no terminal for questions")

// ErrInterrupted means that the user pressed Ctrl-C, or that the context ended during a
// question. A shell expects exit status 130 in this case.
var ErrInterrupted = errors.New("interrupted")

// ErrEnded means that the terminal input ended.
var ErrEnded = errors.New("the terminal input ended (Ctrl-D)")

// maxShown limits a current value and a row on the screen, in runes.
const maxShown = 200

// Terminal is the terminal of the user who started the program. Only one goroutine may
// use it.
type Terminal struct {
	in, out *os.File
	style   style.Style
	plain   bool       // no cursor movements: lists are numbered, and the terminal edits lines
	rest    []byte     // typed but not yet used
	escaped bool       // rest is the key Escape, not the start of a sequence
	reading chan typed // the pending read for a list, otherwise nil
}

// Open opens the terminal device. The error wraps ErrNoTerminal.
func Open(e env.Set) (*Terminal, error) {
	in, out, err := openDevice()
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoTerminal, err)
	}
	return newTerminal(in, out, e), nil
}

// Available reports whether the process has a terminal that Open would find.
func Available() bool {
	in, out, err := openDevice()
	if err != nil {
		return false
	}
	_ = in.Close()
	if out != in {
		_ = out.Close()
	}
	return true
}

// openDevice opens the terminal device for reading and writing, even if stdin and stdout
// are redirected. A Windows console has a buffer for each.
func openDevice() (in, out *os.File, err error) {
	if runtime.GOOS != "windows" {
		f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		return f, f, err
	}
	if in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	if out, err = OpenOutput(); err != nil {
		_ = in.Close()
		return nil, nil, err
	}
	return in, out, nil
}

// OpenOutput opens the terminal device for writing, even if all streams are pipes.
func OpenOutput() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONOUT$", os.O_RDWR, 0)
	}
	return os.OpenFile("/dev/tty", os.O_WRONLY, 0)
}

func newTerminal(in, out *os.File, e env.Set) *Terminal {
	t := &Terminal{in: in, out: out, plain: true, style: style.Of(out, e)}
	// A serial line or a bare pseudo-terminal has no size, so it cannot show a list.
	width, height, err := term.GetSize(int(out.Fd()))
	if err == nil && width >= minWidth && height >= minHeight && style.CanMoveCursor(out, e) {
		t.plain = false
	}
	return t
}

// Close closes the device.
func (t *Terminal) Close() error {
	err := t.in.Close()
	if t.out != t.in {
		err = errors.Join(err, t.out.Close())
	}
	return err
}

// Question is a request for one line of text.
type Question struct {
	Label   string // such as "SSO start URL"
	Current string // the answer if the user only presses Enter; "" for none
	Empty   string // shown if Current is empty, such as "(optional)"
	// Check returns an error for the user if an answer, including Current, is invalid. The
	// question is then repeated. If Check is nil, every answer is valid.
	Check func(answer string) error
}

// shown returns the question in AWS CLI format: `Label [current]: `. It omits [None], which
// looks like a default.
func (q Question) shown() string {
	switch {
	case q.Current != "":
		return q.Label + " [" + hint.Clean(q.Current, maxShown) + "]: "
	case q.Empty != "":
		return q.Label + " " + q.Empty + ": "
	}
	return q.Label + ": "
}

// Text repeats the question until the answer passes the check. It trims the answer. An
// empty answer means the current value. The errors are ErrInterrupted, ErrEnded and those of
// the device.
func (t *Terminal) Text(ctx context.Context, q Question) (string, error) {
	for {
		answer, err := t.answer(ctx, q.shown())
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = q.Current
		}
		if err = check(q, answer); err == nil {
			return answer, nil
		}
		if err := t.say("  " + t.style.Problem(hint.Clean(err.Error(), maxShown))); err != nil {
			return "", err
		}
	}
}

// answer returns one line edited by the user.
func (t *Terminal) answer(ctx context.Context, label string) (string, error) {
	if t.plain {
		return t.line(ctx, label)
	}
	e := &editor{label: label}
	err := t.interact(ctx, e)
	if _, plain := errors.AsType[errNotRaw](err); plain {
		return t.line(ctx, label)
	}
	return e.answer(), err
}

func check(q Question, answer string) error {
	// On a plain terminal, arrow keys put escape sequences into the line.
	if strings.ContainsFunc(answer, unicode.IsControl) {
		return errors.New("the answer contains control characters, enter it again")
	}
	if q.Check == nil {
		return nil
	}
	return q.Check(answer)
}

// say shows a line, wrapped between words.
func (t *Terminal) say(line string) error {
	return t.print(strings.Join(style.Wrap(line, style.Width(t.out)), "\n") + "\n")
}

func (t *Terminal) print(text string) error {
	if _, err := io.WriteString(t.out, text); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}

// line shows text and reads one line. The terminal edits the line. Ctrl-C is a signal that
// ends ctx.
func (t *Terminal) line(ctx context.Context, text string) (string, error) {
	if ctx.Err() != nil {
		return "", ErrInterrupted
	}
	if err := t.print(text); err != nil {
		return "", err
	}
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	crash.Go(func() {
		line, err := t.readLine()
		done <- result{line, err}
	})
	select {
	case r := <-done:
		if r.err != nil {
			// Otherwise, the shell prompt would follow on the same line.
			_ = t.print("\n")
		}
		return strings.TrimSpace(r.line), r.err
	case <-ctx.Done():
		// The read continues. Nothing else reads before the process ends.
		_ = t.print("\n")
		return "", ErrInterrupted
	}
}

// maxLine is the longest line that a terminal can edit, in bytes (Linux, n_tty).
const maxLine = 4096

// parseLine returns the first line in b and its length with the line end, or 0 if the line
// end is missing. A line that the user types ahead during a list ends with only a carriage
// return. A Windows console line ends with both characters.
func parseLine(b []byte) (string, int) {
	i := bytes.IndexAny(b, "\r\n")
	switch {
	case i < 0:
		return "", 0
	case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
		return string(b[:i]), i + 2
	}
	return string(b[:i]), i + 1
}

func (t *Terminal) readLine() (string, error) {
	buf := make([]byte, maxLine)
	for {
		if line, n := parseLine(t.rest); n > 0 {
			t.rest = t.rest[n:]
			return line, nil
		}
		if len(t.rest) > maxLine {
			return "", errors.New("terminal: line too long")
		}
		n, err := t.in.Read(buf)
		t.rest = append(t.rest, buf[:n]...)
		if n == 0 && errors.Is(err, io.EOF) {
			return "", ErrEnded
		}
		if n == 0 && err != nil {
			return "", fmt.Errorf("terminal: %w", err)
		}
	}
}
