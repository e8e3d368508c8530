package prompt

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

var styling = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

func TestListFitsScreen(t *testing.T) {
	rows := rowsFor(30)
	rows[3].Text = strings.Repeat("東", 60)
	l := newList("account", rows, 3)
	l.filter = []rune(strings.Repeat("w", 100)) // as if a row matched
	for width := minWidth; width < 120; width += 7 {
		for height := minHeight; height < 30; height++ {
			drawn := l.draw(width, height, style.Style{})
			lines := strings.Split(styling.ReplaceAllString(drawn, ""), "\r\n")
			if len(lines) >= height || len(lines) > maxRows+around {
				t.Fatalf("%d lines in a terminal of %d", len(lines), height)
			}
			for _, line := range lines {
				if w := style.Columns(strings.Trim(line, "\r")); w >= width {
					t.Errorf("%q has %d columns of %d", line, w, width)
				}
			}
			if !strings.Contains(drawn, "> ") {
				t.Errorf("the cursor is not on the screen: %q", drawn)
			}
		}
	}
}

func TestMovingKeepsCursorOnScreen(t *testing.T) {
	l := newList("account", rowsFor(30), 0)
	for _, k := range []keyCode{keyDown, keyDown, keyUp, keyUp, keyUp, keyUp, keyDown, keyDown} {
		if _, err := l.press(key{code: k}); err != nil {
			t.Fatal(err)
		}
		want := "> " + l.rows[l.fits[l.at]].fit(77)
		if drawn := l.draw(80, 24, style.Style{}); !strings.Contains(drawn, want) || strings.Contains(drawn, "\x1b[1m") {
			t.Errorf("%q is not in %q", want, drawn)
		}
	}
	if l.at != 0 {
		t.Errorf("down and up again ends at %d", l.at)
	}
}

func TestCursorStaysOnRowThatMatches(t *testing.T) {
	l := newList("account", rowsFor(25), 12)
	for _, tc := range []struct {
		filter string
		row    int
	}{{"team 1", 12}, {"TEAM 12,", 12}, {"team", 12}, {"team 2", 2}, {"team", 2}} {
		l.setFilter([]rune(strings.Replace(tc.filter, "team 2", "team 02", 1)))
		if got := l.fits[l.at]; got != tc.row {
			t.Errorf("filter %q: at %d, want %d", tc.filter, got, tc.row)
		}
	}
	if l.setFilter([]rune("zz")); !strings.Contains(l.draw(80, 24, style.Style{}), "no matches") {
		t.Error("an empty list shows no text")
	}
}

// Each word in the filter must be in the row, in any order and any case.
func TestFilterMatchesWords(t *testing.T) {
	rows := []Row{
		{"payments-dev, pay@example.com", "100000000001"}, {"payments-prod, pay@example.com", "100000000002"},
		{"search-prod", "200000000001"}, {"PAY-PROD-EU", "300000000003"}, {"東京 prod", "400000000004"},
	}
	l := newList("account", rows, 0)
	for filter, want := range map[string][]int{
		"pay prod": {1, 3}, "prod pay": {1, 3}, "  pay  ": {0, 1, 3}, "prod 2": {1, 2}, "東京": {4}, "pay zz": nil, "": {0, 1, 2, 3, 4},
	} {
		if l.setFilter([]rune(filter)); !slices.Equal(l.fits, want) {
			t.Errorf("%q matches %v, want %v", filter, l.fits, want)
		}
	}
}

func TestHelpLineShowsMatchingRows(t *testing.T) {
	for name, tc := range map[string]struct {
		rows, width int
		filter      string
		want        string
	}{
		"part of the rows": {301, 80, "", "1-10 of 301. Type words to filter, move with the arrows, Enter selects."},
		"all rows":         {3, 80, "", "3 of 3. Type words to filter, move with the arrows, Enter selects."},
		"filter":           {301, 50, "17,", "3 of 301. Enter selects, Esc clears the filter."},
		"narrow, filter":   {301, 30, "17,", "3 of 301. Enter selects."},
		"no match":         {301, 40, "zz", "0 of 301. Esc clears the filter."},
		"medium":           {301, 50, "", "1-10 of 301. Type to filter, Enter selects."},
		"narrow":           {301, minWidth, "", "1-10 of 301"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newList("account", rowsFor(tc.rows), 0)
			l.setFilter([]rune(tc.filter))
			lines := strings.Split(styling.ReplaceAllString(l.draw(tc.width, 24, style.Style{}), ""), "\r\n")
			if lines[1] != tc.want {
				t.Errorf("got %q, want %q", lines[1], tc.want)
			}
		})
	}
}

func rowsFor(n int) []Row {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{Text: fmt.Sprintf("Team %02d, a-rather-long-address+team%02d@example.com", i, i), ID: fmt.Sprintf("1234567890%02d", i)}
	}
	return rows
}
