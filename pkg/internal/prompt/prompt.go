// Package prompt owns asking a person: lines of text and choices from a list, on
// the terminal device itself.
//
// It never touches stdin, stdout or stderr, which belong to whoever called the
// program, never keeps or prints what must stay secret, and knows nothing of
// what it asks for. It draws its list itself, see docs/decisions/0005. It may
// import floors 0 to 2 and is, beside the command, the only package that knows the
// terminal (floor 3). The setup use-cases ask through it.
package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// ErrNoTerminal says that nobody can be asked: the process has no terminal.
var ErrNoTerminal = errors.New("there is no terminal to ask on")

// ErrInterrupted says that the person gave up with Ctrl-C, or that the context
// ended at a question. A shell expects exit status 130 then.
var ErrInterrupted = errors.New("interrupted")

// ErrEnded says that the terminal's input came to its end.
var ErrEnded = errors.New("the terminal's input ended (Ctrl-D)")

// maxShown bounds a current value and a row on the screen, in runes.
const maxShown = 200

// Terminal is the terminal of the person who started the program. It is used by
// one goroutine.
type Terminal struct {
	in, out *os.File
	colour  bool       // bold and faint may be used
	plain   bool       // no cursor movements: lists are numbered
	rest    []byte     // typed and not yet used
	reading chan typed // the read of a list that is under way, else nil
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

func newTerminal(in, out *os.File, e env.Set) *Terminal {
	t := &Terminal{in: in, out: out, plain: true, colour: e.Get(env.NoColor) == ""}
	kind := e.Get(env.Term)
	// A serial line or a bare pseudo-terminal has no size; drawing there would
	// be guessing.
	width, height, err := term.GetSize(int(out.Fd()))
	if err == nil && width >= minWidth && height >= minHeight && fullTerminal(kind) {
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

// Question is one line of text to ask for.
type Question struct {
	Label   string // such as "SSO start URL"
	Current string // what Enter keeps; "" when there is nothing
	Empty   string // stands where the current value would: "[None]" if ""
	// Check says in the person's words what is wrong with an answer, the kept
	// one included; it is asked again then. nil: all is well.
	Check func(answer string) error
}

// shown is the question as the AWS CLI words it: `Label [current]: `.
func (q Question) shown() string {
	switch {
	case q.Current != "":
		return q.Label + " [" + hint.Clean(q.Current, maxShown) + "]: "
	case q.Empty != "":
		return q.Label + " " + q.Empty + ": "
	}
	return q.Label + " [None]: "
}

// Text asks until the answer passes the check. The answer is trimmed; an empty
// one is the current value. Errors: ErrInterrupted, ErrEnded, those of
// the device.
func (t *Terminal) Text(ctx context.Context, q Question) (string, error) {
	for {
		answer, err := t.line(ctx, q.shown())
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = q.Current
		}
		if err = check(q, answer); err == nil {
			return answer, nil
		}
		if err := t.print("  " + hint.Clean(err.Error(), maxShown) + "\n"); err != nil {
			return "", err
		}
	}
}

func check(q Question, answer string) error {
	// Arrow keys leave escape sequences in a plain line.
	if strings.ContainsFunc(answer, unicode.IsControl) {
		return errors.New("there are control characters in it (an arrow key?), type it again")
	}
	if q.Check == nil {
		return nil
	}
	return q.Check(answer)
}

// Say shows a line, cleaned.
func (t *Terminal) Say(line string) error { return t.print(hint.Clean(line, 4*maxShown) + "\n") }

func (t *Terminal) print(text string) error {
	if _, err := io.WriteString(t.out, text); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}

// line shows text and reads one line. The terminal's own line editing is in
// force, and Ctrl-C is the signal that ends ctx.
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
			// The shell's prompt is not to stand behind the question.
			_ = t.print("\n")
		}
		return strings.TrimSpace(r.line), r.err
	case <-ctx.Done():
		// The read goes on; nothing else reads before the process ends.
		_ = t.print("\n")
		return "", ErrInterrupted
	}
}

// maxLine is what a terminal's line editing takes at most, and more than any
// answer needs.
const maxLine = 4096

// parseLine reads the first line of b and how many bytes it takes; 0 when its end
// is missing. A line that was typed ahead during a list ends with a carriage return
// alone, one of a Windows console with both.
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
