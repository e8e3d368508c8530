package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
)

// key is one key press; the zero value means none.
type key struct {
	code keyCode
	char rune // of keyText
}

type keyCode int

const (
	noKey keyCode = iota
	keyText
	keyEnter
	keyUp
	keyDown
	keyBackspace
	keyClear     // Ctrl-U
	keyInterrupt // Ctrl-C
	keyEnd       // Ctrl-D
	keyOther     // has no function here
)

// controls are the keys that send one byte. A line feed is an Enter that was typed
// before the terminal was in raw mode.
var controls = [...]struct {
	char byte
	code keyCode
}{
	{'\r', keyEnter}, {'\n', keyEnter}, {0x7F, keyBackspace}, {'\b', keyBackspace}, {'U' & 0x1F, keyClear},
	{'P' & 0x1F, keyUp}, {'N' & 0x1F, keyDown}, {'C' & 0x1F, keyInterrupt}, {'D' & 0x1F, keyEnd},
}

// maxSequence is longer than any escape sequence that a key sends.
const maxSequence = 16

// parseKey returns the first key of b and its length in bytes; no key and 0 if b ends
// within the key.
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
// byte; SS3 and one byte for the arrows of some terminals). A lone Escape has no
// function; the next byte distinguishes it from a sequence.
func parseEscape(b []byte) (key, int) {
	if len(b) == 1 {
		return key{}, 0
	}
	if b[1] != '[' && b[1] != 'O' {
		return key{code: keyOther}, 1
	}
	end := bytes.IndexFunc(b[2:], func(r rune) bool { return r >= '@' && r <= '~' })
	if end < 0 {
		if len(b) >= maxSequence {
			return key{code: keyOther}, len(b)
		}
		return key{}, 0
	}
	n := end + 3
	switch b[n-1] {
	case 'A':
		return key{code: keyUp}, n
	case 'B':
		return key{code: keyDown}, n
	}
	return key{code: keyOther}, n
}

// nextKey returns the next key, including keys that were typed before the list.
func (t *Terminal) nextKey() key {
	k, n := parseKey(t.rest)
	t.rest = t.rest[n:]
	return k
}

// typed is the result of one read of the terminal.
type typed struct {
	b   []byte
	err error
}

// readMore waits for more keys or for a resize. After a resize the read continues in the
// background, and the next call waits for it.
func (t *Terminal) readMore(ctx context.Context, resized <-chan os.Signal) error {
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
		// The read continues, as in line; nothing else reads before the process ends.
		return ErrInterrupted
	}
}
