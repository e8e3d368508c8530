package prompt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// screen is the controlling end of a pseudo-terminal. It reads the output and types keys.
type screen struct {
	t    *testing.T
	ctrl *os.File
	mu   sync.Mutex
	got  bytes.Buffer
	news chan struct{}
}

func newScreen(t *testing.T, width, height uint16) (*screen, *Terminal) {
	t.Helper()
	ctrl, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminals on this machine:", err)
	}
	t.Cleanup(func() { _ = errors.Join(ctrl.Close(), tty.Close()) })
	if err := pty.Setsize(ctrl, &pty.Winsize{Rows: height, Cols: width}); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, ctrl: ctrl, news: make(chan struct{}, 1)}
	go s.read()
	return s, newTerminal(tty, tty, env.FromMap(map[string]string{"TERM": "xterm-256color"}))
}

func (s *screen) read() {
	buf := make([]byte, 4096)
	for {
		n, err := s.ctrl.Read(buf)
		s.mu.Lock()
		s.got.Write(buf[:n])
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// see waits for a text and discards the output up to the end of the text.
func (s *screen) see(text string) {
	s.t.Helper()
	for late := time.After(2 * time.Minute); ; {
		s.mu.Lock()
		_, rest, found := bytes.Cut(s.got.Bytes(), []byte(text))
		if found {
			s.got = *bytes.NewBuffer(bytes.Clone(rest))
		}
		have := s.got.String()
		s.mu.Unlock()
		if found {
			return
		}
		select {
		case <-s.news:
		case <-late:
			s.t.Fatalf("no %q in the output, but %q", text, have)
		}
	}
}

// waitFor waits until done is closed.
func (s *screen) waitFor(done <-chan struct{}) {
	s.t.Helper()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		s.t.Fatalf("the list does not end, it shows %q", s.text())
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

func (s *screen) press(keys string) { _, _ = s.ctrl.WriteString(keys) }

// resize changes the terminal size and sends the signal. The kernel sends it only to
// processes with this controlling terminal.
func (s *screen) resize(width, height uint16) {
	s.t.Helper()
	err := pty.Setsize(s.ctrl, &pty.Winsize{Rows: height, Cols: width})
	if err == nil {
		err = unix.Kill(os.Getpid(), unix.SIGWINCH)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// virtualScreen emulates a terminal. It shows the output as the user sees it.
type virtualScreen struct {
	width, height int
	lines         [][]rune
	row, col      int
	drawings      int // lists drawn to their end
}

func newVirtualScreen(width, height int) *virtualScreen {
	return &virtualScreen{width: width, height: height, lines: make([][]rune, height)}
}

// show processes the output up to the end of the next drawing.
func (g *virtualScreen) show(s *screen) {
	s.t.Helper()
	for late, before := time.After(2*time.Minute), g.drawings; g.drawings == before; {
		s.mu.Lock()
		for s.got.Len() > 0 && g.drawings == before {
			n := g.step(s.got.Bytes())
			if n == 0 {
				break
			}
			s.got.Next(n)
		}
		s.mu.Unlock()
		if g.drawings != before {
			return
		}
		select {
		case <-s.news:
		case <-late:
			s.t.Fatalf("the screen was not drawn again; it shows\n%s", g)
		}
	}
}

// step processes one character or escape sequence and returns its length, or 0 if it is
// incomplete.
func (g *virtualScreen) step(b []byte) int {
	switch b[0] {
	case '\r':
		g.col = 0
	case '\n':
		if g.row++; g.row == g.height { // scroll
			g.row, g.lines = g.row-1, append(g.lines[1:], nil)
		}
	case 0x1B:
		return g.sequence(b)
	default:
		if !utf8.FullRune(b) {
			return 0
		}
		r, n := utf8.DecodeRune(b)
		line := g.lines[g.row]
		for len(line) <= g.col {
			line = append(line, ' ')
		}
		line[g.col] = r
		g.lines[g.row], g.col = line, min(g.col+1, g.width-1)
		return n
	}
	return 1
}

func (g *virtualScreen) sequence(b []byte) int {
	end := bytes.IndexAny(b, "ABCJmlh")
	if end < 0 {
		return 0
	}
	n := 1
	_, _ = fmt.Sscanf(string(b[2:end]), "%d", &n)
	switch b[end] {
	case 'A':
		g.row = max(g.row-n, 0)
	case 'C':
		g.col = min(g.col+n, g.width-1)
		g.drawings++ // the last sequence of a drawing
	case 'J':
		g.lines[g.row] = g.lines[g.row][:min(g.col, len(g.lines[g.row]))]
		clear(g.lines[g.row+1:])
	}
	return end + 1
}

// resize preserves the top of the screen, where the cursor is.
func (g *virtualScreen) resize(width, height int) {
	lines := make([][]rune, height)
	copy(lines, g.lines)
	g.width, g.height, g.lines = width, height, lines
}

// marked returns the marked row without its mark.
func (g *virtualScreen) marked(t *testing.T) string {
	t.Helper()
	row, found := "", 0
	for _, line := range g.lines {
		if text, ok := strings.CutPrefix(string(line), "> "); ok {
			row, found = text, found+1
		}
	}
	if found > 1 {
		t.Fatalf("%d rows are marked:\n%s", found, g)
	}
	return row
}

func (g *virtualScreen) String() string {
	var b strings.Builder
	for _, line := range g.lines {
		b.WriteString(string(line) + "\n")
	}
	return b.String()
}
