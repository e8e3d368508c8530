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
		press   []string // each is typed after the screen changes
		want    int
	}{
		"Enter selects the first":                 {-1, []string{enter}, 0},
		"it starts at the current one":            {7, []string{enter}, 7},
		"arrows move":                             {-1, []string{down + down + up + down + enter}, 2},
		"and wrap around":                         {-1, []string{up + enter}, 24},
		"typing filters":                          {-1, []string{"890 19"[4:] + enter}, 19},
		"by the id too":                           {-1, []string{"123456789013" + enter}, 13},
		"letters that move elsewhere are letters": {-1, []string{"team 1jk\x7f\x7f" + "5" + enter}, 15},
		"no row matches, Enter does nothing":      {-1, []string{"zz" + enter + up + enter + "\x7f\x7f" + "08," + enter}, 8},
		"an Enter typed ahead is an Enter":        {3, []string{"\n"}, 3},
		"Ctrl-U clears the filter":                {-1, []string{"team 1" + "\x15" + "04," + enter}, 4},
		"key cut in two is one key":               {-1, []string{"\x1b", "[B" + enter}, 1},
		"Ctrl-W deletes a word of the filter":     {-1, []string{"team 11\x1704," + enter}, 4},
		"words in any order":                      {-1, []string{"@example 17, team" + enter}, 17},
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
			s.see("Type words to filter")
			for _, keys := range tc.press {
				s.press(keys)
			}
			s.waitFor(done)
			if err != nil || got != tc.want {
				t.Errorf("Choose = %d, %v; want %d", got, err, tc.want)
			}
		})
	}
}

func TestCtrlCEndsListAndRestoresTerminal(t *testing.T) {
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
	s.see("... (123456789002)") // the ID is complete in 40 columns
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
	s.see("Type words to filter")
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
	s.see("Type words to filter")
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
	s.see("first: ")
	s.press("a\n")
	s.see("Type words to filter")
	s.press("\x1b[B\r")
	s.see("second: ")
	s.press("b\n")
	if got := <-done; got != "a1b<nil>" {
		t.Error(got)
	}
}

// A terminal without a size, with TERM unset or dumb, or that is too small must show a
// numbered list.
func TestLimitedTerminalGetsNumbers(t *testing.T) {
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
			s.see("Role:")
			s.see("Number (1-2): ")
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

// step is one key or a resize, and the screen after it.
type step struct {
	press         string
	width, height int // of the resized terminal, 0 for a key
	filter        string
	row           int // marked row; -1 for none
}

// The list keys.
const (
	up, down, backspace, ctrlU  = "\x1b[A", "\x1b[B", "\x7f", "\x15"
	escape                      = "\x1b"
	pageUp, pageDown, home, end = "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F"
)

func pressed(press, filter string, row int) step { return step{press: press, filter: filter, row: row} }

// markedRowCases are the test cases of TestEnterSelectsMarkedRow.
var markedRowCases = map[string]struct {
	rows, current int
	steps         []step
}{
	"Enter alone":                {3, -1, nil},
	"Enter alone, not the first": {3, 2, nil},
	"down":                       {3, -1, []step{pressed(down, "", 1)}},
	"down twice":                 {3, -1, []step{pressed(down, "", 1), pressed(down, "", 2)}},
	"down and up":                {3, -1, []step{pressed(down, "", 1), pressed(up, "", 0)}},
	"around the end":             {3, -1, []step{pressed(up, "", 2), pressed(down, "", 0)}},
	"key without a meaning":      {3, -1, []step{pressed(down, "", 1), pressed("\x1b[2~", "", 1)}},
	"pages":                      {25, -1, []step{pressed(pageDown, "", 10), pressed(pageDown, "", 20), pressed(pageDown, "", 24), pressed(pageUp, "", 14), pressed(pageUp, "", 4), pressed(pageUp, "", 0)}},
	"Home and End":               {25, 7, []step{pressed(end, "", 24), pressed(up, "", 23), pressed(home, "", 0), pressed(down, "", 1)}},
	"pages of a filtered list":   {25, -1, []step{pressed("1", "1", 1), pressed(end, "1", 21), pressed(pageUp, "1", 10), pressed(home, "1", 1)}},
	"pages of an empty list":     {3, -1, []step{pressed("z", "z", -1), pressed(end, "z", -1), pressed(pageDown, "z", -1), pressed(backspace, "", 0)}},
	"pages of a lower terminal":  {25, -1, []step{{width: 80, height: 8, row: 0}, pressed(pageDown, "", 5), pressed(pageDown, "", 10)}},

	"filter":                       {25, -1, []step{pressed("2", "2", 2), pressed("4", "24", 24)}},
	"filter deleted by letters":    {25, -1, []step{pressed("2", "2", 2), pressed("4", "24", 24), pressed(backspace, "2", 24), pressed(backspace, "", 24)}},
	"filter cleared":               {25, -1, []step{pressed("2", "2", 2), pressed("4", "24", 24), pressed(ctrlU, "", 24), pressed(up, "", 23)}},
	"Escape":                       {25, -1, []step{pressed("2", "2", 2), pressed("4", "24", 24), pressed(escape, "", 24), pressed(up, "", 23)}},
	"Escape without a filter":      {25, 3, []step{pressed(escape, "", 3), pressed(down, "", 4)}},
	"Escape without a match":       {25, -1, []step{pressed("z", "z", -1), pressed(escape, "", 0)}},
	"Escape, then a filter":        {25, -1, []step{pressed("2", "2", 2), pressed(escape+"7", "7", 7)}},
	"one row matches":              {25, 7, []step{pressed("1", "1", 1), pressed("9", "19", 19), pressed(",", "19,", 19), pressed(down, "19,", 19), pressed(up, "19,", 19)}},
	"no row matches for a while":   {3, -1, []step{pressed("x", "x", 0), pressed("z", "xz", -1), pressed("\r", "xz", -1), pressed(backspace, "x", 0), pressed(down, "x", 1)}},
	"beyond the end of the screen": {25, 8, []step{pressed(down, "", 9), pressed(down, "", 10), pressed(down, "", 11), pressed(up, "", 10)}},
	"last of a long list":          {25, -1, []step{pressed(up, "", 24), pressed(up, "", 23)}},
	"lower terminal":               {25, 9, []step{{width: 80, height: 8, row: 9}, pressed(down, "", 10)}},
	"higher terminal":              {25, 20, []step{{width: 80, height: 6, row: 20}, {width: 80, height: 40, row: 20}, pressed(up, "", 19)}},
	"narrower terminal":            {25, 3, []step{{width: 40, height: 24, row: 3}, pressed(down, "", 4), pressed("4", "4", 4)}},
}

// TestEnterSelectsMarkedRow reads the screen after each single key. It checks that Enter
// selects the row that the screen marked.
func TestEnterSelectsMarkedRow(t *testing.T) {
	for name, tc := range markedRowCases {
		t.Run(name, func(t *testing.T) {
			rows := rowsFor(tc.rows)
			for i := range rows {
				rows[i] = Row{Text: fmt.Sprintf("x%02d,", i), ID: "account"}
			}
			s, term := newScreen(t, 80, 24)
			g := newVirtualScreen(80, 24)
			done := make(chan struct{})
			var got int
			var err error
			go func() {
				defer close(done)
				got, err = term.Choose(context.Background(), "account", rows, tc.current)
			}()
			g.show(s)
			for i, st := range tc.steps {
				if st.width != 0 {
					g.resize(st.width, st.height)
					s.resize(uint16(st.width), uint16(st.height))
				} else {
					s.press(st.press)
				}
				g.show(s)
				want := ""
				if st.row >= 0 {
					want = rows[st.row].fit(g.width - margin)
				}
				if title := string(g.lines[0]); strings.TrimRight(title, " ") != strings.TrimRight("Account: "+st.filter, " ") || g.marked(t) != want {
					t.Fatalf("after step %d (%q): want filter %q and row %q marked, the screen shows\n%s", i+1, st.press, st.filter, want, g)
				}
			}
			marked := g.marked(t)
			s.press("\r")
			s.waitFor(done)
			if err != nil || rows[got].fit(g.width-margin) != marked {
				t.Errorf("marked was %q, Enter selected %d, %v", marked, got, err)
			}
		})
	}
}

// Lines that the user types ahead during a list end with only a carriage return.
func TestAnswersTypedAheadDuringList(t *testing.T) {
	s, term := newScreen(t, 80, 24)
	done := make(chan string, 1)
	go func() {
		i, _ := term.Choose(context.Background(), "account", rowsFor(3), -1)
		a, _ := term.Text(context.Background(), Question{Label: "first"})
		b, err := term.Text(context.Background(), Question{Label: "second"})
		done <- fmt.Sprint(i, a, b, err)
	}()
	s.see("Type words to filter")
	s.press("\x1b[B\ra\rb\r")
	if got := <-done; got != "1ab<nil>" {
		t.Error(got)
	}
}
