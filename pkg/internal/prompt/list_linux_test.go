package prompt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func TestList(t *testing.T) {
	const up, down, enter = "\x1b[A", "\x1b[B", "\r"
	for name, tc := range map[string]struct {
		current int
		press   []string // each after something new is on the screen
		want    int
	}{
		"Enter takes the first":                   {-1, []string{enter}, 0},
		"it starts at the current one":            {7, []string{enter}, 7},
		"arrows move":                             {-1, []string{down + down + up + down + enter}, 2},
		"and wrap around":                         {-1, []string{up + enter}, 24},
		"typing filters":                          {-1, []string{"890 19"[4:] + enter}, 19},
		"by the id too":                           {-1, []string{"123456789013" + enter}, 13},
		"letters that move elsewhere are letters": {-1, []string{"team 1jk\x7f\x7f" + "5" + enter}, 15},
		"nothing fits, nothing is taken":          {-1, []string{"zz" + enter + up + enter + "\x7f\x7f" + "08," + enter}, 8},
		"an Enter typed ahead is an Enter":        {3, []string{"\n"}, 3},
		"Ctrl-U takes the filter away":            {-1, []string{"team 1" + "\x15" + "04," + enter}, 4},
		"a key cut in two is one key":             {-1, []string{"\x1b", "[B" + enter}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, term := newScreen(t, 80, 24)
			done := make(chan struct{})
			var got int
			var err error
			go func() {
				defer close(done)
				got, err = term.Choose(context.Background(), "account", rowsFor(25), tc.current)
			}()
			s.see("type to filter")
			for _, keys := range tc.press {
				s.press(keys)
			}
			s.soon(done)
			if err != nil || got != tc.want {
				t.Errorf("Choose = %d, %v; want %d", got, err, tc.want)
			}
		})
	}
}

func TestListEndsWithCtrlCAndLeavesTheTerminalAsItWas(t *testing.T) {
	s, term := newScreen(t, 40, 24)
	before, err := unix.IoctlGetTermios(int(term.in.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := term.Choose(context.Background(), "account", rowsFor(3), -1)
		done <- err
	}()
	s.see("... (123456789002)") // the id is whole in 40 columns
	s.press("\x03")
	if err := <-done; !errors.Is(err, ErrInterrupted) {
		t.Errorf("Choose = %v", err)
	}
	after, err := unix.IoctlGetTermios(int(term.in.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if *before != *after {
		t.Errorf("the terminal is %+v, was %+v", after, before)
	}
}

func TestListEndsWithCtrlD(t *testing.T) {
	s, term := newScreen(t, 80, 24)
	done := make(chan error, 1)
	go func() {
		_, err := term.Choose(context.Background(), "account", rowsFor(3), -1)
		done <- err
	}()
	s.see("type to filter")
	s.press("\x04")
	if err := <-done; !errors.Is(err, ErrEnded) {
		t.Errorf("Choose = %v", err)
	}
}

func TestListEndsWithItsContext(t *testing.T) {
	s, term := newScreen(t, 80, 24)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := term.Choose(ctx, "account", rowsFor(3), -1)
		done <- err
	}()
	s.see("type to filter")
	cancel()
	if err := <-done; !errors.Is(err, ErrInterrupted) {
		t.Errorf("Choose = %v", err)
	}
}

func TestTextThenListThenText(t *testing.T) {
	s, term := newScreen(t, 80, 24)
	done := make(chan string, 1)
	go func() {
		a, _ := term.Text(context.Background(), Question{Label: "first"})
		i, _ := term.Choose(context.Background(), "account", rowsFor(3), -1)
		b, err := term.Text(context.Background(), Question{Label: "second"})
		done <- fmt.Sprint(a, i, b, err)
	}()
	s.see("first [None]: ")
	s.press("a\n")
	s.see("type to filter")
	s.press("\x1b[B\r")
	s.see("second [None]: ")
	s.press("b\n")
	if got := <-done; got != "a1b<nil>" {
		t.Error(got)
	}
}

// A terminal without a size, of a dumb kind or too small gets numbers.
func TestNoFullTerminalMeansNumbers(t *testing.T) {
	for name, tc := range map[string]struct {
		width, height uint16
		kind          string
	}{
		"without a size": {0, 0, "xterm"},
		"of no kind":     {80, 24, ""},
		"dumb":           {80, 24, "dumb"},
		"too small":      {15, 3, "xterm"},
	} {
		t.Run(name, func(t *testing.T) {
			s, term := newScreen(t, tc.width, tc.height)
			term = newTerminal(term.in, term.out, env.FromMap(map[string]string{"TERM": tc.kind}))
			done := make(chan int, 1)
			go func() {
				i, _ := term.Choose(context.Background(), "role", rowsFor(2), -1)
				done <- i
			}()
			s.see("Number of the role (1-2): ")
			s.press("2\n")
			if i := <-done; i != 1 {
				t.Error(i)
			}
		})
	}
	if _, err := Open(env.Set{}); err != nil && (!errors.Is(err, ErrNoTerminal) || !strings.Contains(err.Error(), "terminal")) {
		t.Errorf("Open = %v", err)
	}
}
