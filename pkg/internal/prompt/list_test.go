package prompt

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var styling = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

func TestTheListFitsTheScreen(t *testing.T) {
	rows := rowsFor(30)
	rows[3].Text = strings.Repeat("東", 60)
	l := newList("account", rows, 3)
	l.filter = strings.Repeat("w", 100) // as if a row matched
	for width := minWidth; width < 120; width += 7 {
		for height := minHeight; height < 30; height++ {
			drawn := l.draw(width, height, true)
			lines := strings.Split(styling.ReplaceAllString(drawn, ""), "\r\n")
			if len(lines) >= height || len(lines) > maxRows+around {
				t.Fatalf("%d lines in a terminal of %d", len(lines), height)
			}
			for _, line := range lines {
				if w := columns(strings.Trim(line, "\r")); w >= width {
					t.Errorf("%q has %d columns of %d", line, w, width)
				}
			}
			if !strings.Contains(drawn, "> ") {
				t.Errorf("the cursor is not on the screen: %q", drawn)
			}
		}
	}
}

func TestMovingKeepsTheCursorOnTheScreen(t *testing.T) {
	l := newList("account", rowsFor(30), 0)
	for _, k := range []keyCode{keyDown, keyDown, keyUp, keyUp, keyUp, keyUp, keyDown, keyDown} {
		if _, _, err := l.press(key{code: k}); err != nil {
			t.Fatal(err)
		}
		want := "> " + l.rows[l.fits[l.at]].fit(77)
		if drawn := l.draw(80, 24, false); !strings.Contains(drawn, want) || strings.Contains(drawn, "\x1b[1m") {
			t.Errorf("%q is not in %q", want, drawn)
		}
	}
	if l.at != 0 {
		t.Errorf("down and up again ends at %d", l.at)
	}
}

func TestTheCursorStaysOnItsRowWhileThatMatches(t *testing.T) {
	l := newList("account", rowsFor(25), 12)
	for _, tc := range []struct {
		filter string
		row    int
	}{{"team 1", 12}, {"TEAM 12,", 12}, {"team", 12}, {"team 2", 2}, {"team", 2}} {
		l.setFilter(strings.Replace(tc.filter, "team 2", "team 02", 1))
		if got := l.fits[l.at]; got != tc.row {
			t.Errorf("filter %q: at %d, want %d", tc.filter, got, tc.row)
		}
	}
	if l.setFilter("zz"); !strings.Contains(l.draw(80, 24, true), "no row fits") {
		t.Error("an empty list says nothing")
	}
}

func rowsFor(n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{Text: fmt.Sprintf("Team %02d, a-rather-long-address+team%02d@example.com", i, i), ID: fmt.Sprintf("1234567890%02d", i)}
	}
	return rows
}
