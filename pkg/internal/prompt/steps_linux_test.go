package prompt

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// step is one key, or a resize, and what the screen shows afterwards.
type step struct {
	press         string
	width, height int // of the resized terminal, 0 for a key
	filter        string
	row           int // marked; -1 for none
}

// A person decides by what the screen shows. So after each single key the screen is
// read, and Enter takes the row that it marked.
func TestTheMarkedRowIsTheOneThatEnterTakes(t *testing.T) {
	const up, down, backspace, ctrlU = "\x1b[A", "\x1b[B", "\x7f", "\x15"
	key := func(press, filter string, row int) step { return step{press: press, filter: filter, row: row} }
	for name, tc := range map[string]struct {
		rows, current int
		steps         []step
	}{
		"Enter alone":                  {3, -1, nil},
		"Enter alone, not the first":   {3, 2, nil},
		"down":                         {3, -1, []step{key(down, "", 1)}},
		"down twice":                   {3, -1, []step{key(down, "", 1), key(down, "", 2)}},
		"down and up":                  {3, -1, []step{key(down, "", 1), key(up, "", 0)}},
		"around the end":               {3, -1, []step{key(up, "", 2), key(down, "", 0)}},
		"a key without a meaning":      {3, -1, []step{key(down, "", 1), key("\x1b[3~", "", 1)}},
		"a filter":                     {25, -1, []step{key("2", "2", 2), key("4", "24", 24)}},
		"a filter taken back":          {25, -1, []step{key("2", "2", 2), key("4", "24", 24), key(backspace, "2", 24), key(backspace, "", 24)}},
		"a filter taken away":          {25, -1, []step{key("2", "2", 2), key("4", "24", 24), key(ctrlU, "", 24), key(up, "", 23)}},
		"a single row is left":         {25, 7, []step{key("1", "1", 1), key("9", "19", 19), key(",", "19,", 19), key(down, "19,", 19), key(up, "19,", 19)}},
		"no row is left for a while":   {3, -1, []step{key("x", "x", 0), key("z", "xz", -1), key("\r", "xz", -1), key(backspace, "x", 0), key(down, "x", 1)}},
		"beyond the end of the screen": {25, 8, []step{key(down, "", 9), key(down, "", 10), key(down, "", 11), key(up, "", 10)}},
		"the last of a long list":      {25, -1, []step{key(up, "", 24), key(up, "", 23)}},
		"a lower terminal":             {25, 9, []step{{width: 80, height: 8, row: 9}, key(down, "", 10)}},
		"a higher terminal":            {25, 20, []step{{width: 80, height: 6, row: 20}, {width: 80, height: 40, row: 20}, key(up, "", 19)}},
		"a narrower terminal":          {25, 3, []step{{width: 40, height: 24, row: 3}, key(down, "", 4), key("4", "4", 4)}},
	} {
		t.Run(name, func(t *testing.T) {
			rows := rowsFor(tc.rows)
			for i := range rows {
				rows[i] = Row{Text: fmt.Sprintf("x%02d,", i), ID: "account"}
			}
			s, term := newScreen(t, 80, 24)
			g := newGlass(80, 24)
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
				if title := string(g.lines[0]); strings.TrimRight(title, " ") != strings.TrimRight("account: "+st.filter, " ") || g.marked(t) != want {
					t.Fatalf("after step %d (%q): want filter %q and row %q marked, the screen shows\n%s", i+1, st.press, st.filter, want, g)
				}
			}
			marked := g.marked(t)
			s.press("\r")
			s.soon(done)
			if err != nil || rows[got].fit(g.width-margin) != marked {
				t.Errorf("marked was %q, Enter took %d, %v", marked, got, err)
			}
		})
	}
}

// What is typed ahead during a list ends its lines with a carriage return alone.
func TestAnAnswerTypedAheadDuringAListIsWhole(t *testing.T) {
	s, term := newScreen(t, 80, 24)
	done := make(chan string, 1)
	go func() {
		i, _ := term.Choose(context.Background(), "account", rowsFor(3), -1)
		a, _ := term.Text(context.Background(), Question{Label: "first"})
		b, err := term.Text(context.Background(), Question{Label: "second"})
		done <- fmt.Sprint(i, a, b, err)
	}()
	s.see("type to filter")
	s.press("\x1b[B\ra\rb\r")
	if got := <-done; got != "1ab<nil>" {
		t.Error(got)
	}
}
