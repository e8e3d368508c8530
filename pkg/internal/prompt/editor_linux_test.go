package prompt

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// Each key is pressed after the screen shows the result of the previous key. "|" is the
// cursor.
func TestLineCanBeEdited(t *testing.T) {
	const left, right, home, end, del, backspace = "\x1b[D", "\x1b[C", "\x1b[H", "\x1bOF", "\x1b[3~", "\x7f"
	type edit struct{ press, shows string }
	for name, tc := range map[string]struct {
		edits []edit
		want  string
	}{
		"text at the end":         {[]edit{{"a", "a|"}, {"b", "ab|"}}, "ab"},
		"text in the middle":      {[]edit{{"ac", "ac|"}, {left, "a|c"}, {"b", "ab|c"}, {right, "abc|"}, {right, "abc|"}}, "abc"},
		"Home and End":            {[]edit{{"bc", "bc|"}, {home, "|bc"}, {left, "|bc"}, {"a", "a|bc"}, {end, "abc|"}}, "abc"},
		"Ctrl-A and Ctrl-E":       {[]edit{{"bc", "bc|"}, {"\x01", "|bc"}, {"a", "a|bc"}, {"\x05", "abc|"}, {"d", "abcd|"}}, "abcd"},
		"backspace and delete":    {[]edit{{"abcd", "abcd|"}, {backspace, "abc|"}, {home, "|abc"}, {backspace, "|abc"}, {del, "|bc"}, {end, "bc|"}, {del, "bc|"}}, "bc"},
		"Ctrl-D deletes too":      {[]edit{{"ab", "ab|"}, {home, "|ab"}, {"\x04", "|b"}}, "b"},
		"Ctrl-K":                  {[]edit{{"abcd", "abcd|"}, {left, "abc|d"}, {left, "ab|cd"}, {"\x0b", "ab|"}}, "ab"},
		"Ctrl-U":                  {[]edit{{"abcd", "abcd|"}, {left, "abc|d"}, {"\x15", "|d"}, {"e", "e|d"}}, "ed"},
		"Ctrl-W":                  {[]edit{{"one two  ", "one two  |"}, {"\x17", "one |"}, {"\x17", "|"}, {"\x17", "|"}, {"x", "x|"}}, "x"},
		"wide and joined letters": {[]edit{{"Zürich", "Zürich|"}, {left + left, "Züri|ch"}, {backspace, "Zür|ch"}}, "Zürch"},
		"pasted URL":              {[]edit{{"https://my-portal.awsapps.com/start", "https://my-portal.awsapps.com/start|"}}, "https://my-portal.awsapps.com/start"},
		"keys without a function": {[]edit{{"a", "a|"}, {"\x1b[5~", "a|"}, {"\x1b[A", "a|"}, {"\t", "a|"}}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			s, term := newScreen(t, 60, 24)
			g := newVirtualScreen(60, 24)
			done := make(chan struct{})
			var got string
			var err error
			go func() {
				defer close(done)
				got, err = term.Text(context.Background(), Question{Label: "Q"})
			}()
			g.show(s)
			for _, e := range tc.edits {
				s.press(e.press)
				g.showAll(s, len([]rune("Q: "))+strings.IndexRune(replaceRunes(e.shows), '|'), "Q: "+strings.Replace(e.shows, "|", "", 1))
			}
			s.press("\r")
			s.waitFor(done)
			if err != nil || got != tc.want {
				t.Errorf("Text = %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

// replaceRunes converts byte indexes to character indexes.
func replaceRunes(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7f {
			return 'x'
		}
		return r
	}, s)
}

// showAll processes drawings until the first line and the cursor match. The editor may draw
// keys that are pressed together one by one.
func (g *virtualScreen) showAll(s *screen, column int, line string) {
	s.t.Helper()
	for {
		g.show(s)
		if strings.TrimRight(string(g.lines[0]), " ") == strings.TrimRight(line, " ") && g.col == column {
			return
		}
	}
}

// A long answer must scroll in its line, even after the terminal becomes narrower.
func TestLongAnswerStaysInOneLine(t *testing.T) {
	const url = "https://my-portal-with-a-very-long-name.awsapps.com/start"
	s, term := newScreen(t, 40, 24)
	g := newVirtualScreen(40, 24)
	done := make(chan string, 1)
	go func() {
		got, _ := term.Text(context.Background(), Question{Label: "SSO start URL"})
		done <- got
	}()
	g.show(s)
	s.press(url)
	g.showAll(s, 38, "SSO start URL: "+url[len(url)-23:])
	g.resize(30, 24)
	s.resize(30, 24)
	g.showAll(s, 28, "SSO start URL: "+url[len(url)-13:])
	s.press("\x1b[H")
	g.showAll(s, 15, "SSO start URL: "+url[:14])
	for i, line := range g.lines[1:] {
		if strings.TrimSpace(string(line)) != "" {
			t.Errorf("line %d has %q", i+2, string(line))
		}
	}
	s.press("\r")
	if got := <-done; got != url {
		t.Error(got)
	}
}

func TestEndOfQuestion(t *testing.T) {
	for name, tc := range map[string]struct {
		keys string
		want error
	}{
		"Ctrl-C": {"abc\x03", ErrInterrupted}, "Ctrl-D on an empty line": {"\x04", ErrEnded}, "Ctrl-D after the text": {"a\x7f\x04", ErrEnded},
	} {
		t.Run(name, func(t *testing.T) {
			s, term := newScreen(t, 80, 24)
			before, err := unix.IoctlGetTermios(int(term.in.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := term.Text(context.Background(), Question{Label: "Q"})
				done <- err
			}()
			s.see("Q: ")
			s.press(tc.keys)
			if err := <-done; !errors.Is(err, tc.want) {
				t.Errorf("Text = %v", err)
			}
			after, err := unix.IoctlGetTermios(int(term.in.Fd()), unix.TCGETS)
			if err != nil || *before != *after {
				t.Errorf("the terminal is %+v, was %+v, %v", after, before, err)
			}
		})
	}
}

// The choice and its name must remain on the screen, in each kind of list.
func TestChoiceIsEchoed(t *testing.T) {
	rows := []Row{{"Development", "210987654321"}, {"Production", "123456789012"}}
	for kind, keys := range map[string]string{"xterm": "prod\r", "dumb": "2\n"} {
		t.Run(kind, func(t *testing.T) {
			s, term := newScreen(t, 80, 24)
			term = newTerminal(term.in, term.out, env.FromMap(map[string]string{"TERM": kind, "NO_COLOR": "1"}))
			done := make(chan error, 1)
			go func() {
				_, err := term.Choose(context.Background(), "account", rows, -1)
				done <- err
			}()
			s.see("(123456789012)")
			s.press(keys)
			s.see("Account: Production (123456789012)")
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
