package prompt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// Row is one choice. A server may provide both texts, so fit cleans them.
type Row struct {
	Text string // such as "Production, prod@example.com"
	ID   string // such as "123456789012"; shown in full, in parentheses after Text or alone
}

// fit formats a row in no more than width columns. It shortens the text instead of the ID,
// because users compare the ID.
func (r Row) fit(width int) string {
	text, id := hint.Clean(r.Text, maxShown), hint.Clean(r.ID, maxShown)
	switch {
	case id == "":
		return style.Cut(text, width)
	case text == "":
		return style.Cut(id, width)
	}
	tail := " (" + id + ")"
	return style.Cut(style.Cut(text, max(width-style.Columns(tail), 0))+tail, width)
}

// Choose lets the user choose a row and returns its index. The user selects it with the
// arrow keys and a filter, or by number if the terminal cannot show a list. label names the
// choice ("account"). current is the initial row, or -1 for none. The errors are those of
// Text.
func (t *Terminal) Choose(ctx context.Context, label string, rows []Row, current int) (int, error) {
	if len(rows) == 0 {
		return 0, errors.New("nothing to choose from")
	}
	if current >= len(rows) {
		current = -1
	}
	if t.plain {
		return t.chooseByNumber(ctx, label, rows, current)
	}
	l := newList(label, rows, max(current, 0))
	err := t.interact(ctx, l)
	if _, plain := errors.AsType[errNotRaw](err); plain {
		return t.chooseByNumber(ctx, label, rows, current)
	}
	return l.selected(), err
}

// chooseByNumber prints the rows with numbers, below the label. It also accepts the ID or
// the text of a row as the answer.
func (t *Terminal) chooseByNumber(ctx context.Context, label string, rows []Row, current int) (int, error) {
	var b strings.Builder
	b.WriteString(t.style.Bold(capitalized(label)+":") + "\n")
	digits := len(strconv.Itoa(len(rows)))
	for i, r := range rows {
		fmt.Fprintf(&b, "%*d) %s\n", digits+2, i+1, r.fit(maxShown))
	}
	if err := t.print(b.String()); err != nil {
		return 0, err
	}
	q := Question{
		Label: fmt.Sprintf("Number (1-%d)", len(rows)),
		Check: func(answer string) error {
			if _, ok := find(rows, answer); !ok {
				return fmt.Errorf("enter a number from 1 to %d", len(rows))
			}
			return nil
		},
	}
	if current >= 0 {
		q.Current = strconv.Itoa(current + 1)
	}
	answer, err := t.Text(ctx, q)
	if err != nil {
		return 0, err
	}
	i, _ := find(rows, answer)
	return i, t.print(chosen(label, rows[i], maxShown, t.style) + "\n")
}

// chosen returns the line that remains after a choice.
func chosen(label string, r Row, width int, s style.Style) string {
	head := capitalized(label) + ": "
	return head + s.Bold(r.fit(width-style.Columns(head)))
}

func capitalized(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// find returns the row for an answer: a row number, otherwise the ID or text of exactly one
// row.
func find(rows []Row, answer string) (int, bool) {
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(rows) {
		return n - 1, true
	}
	at, found := 0, 0
	for i, r := range rows {
		if answer != "" && (answer == r.ID || strings.EqualFold(answer, r.Text)) {
			at, found = i, found+1
		}
	}
	return at, found == 1
}

const (
	maxRows   = 10 // rows of a list on the screen, as in the AWS CLI
	minWidth  = 20 // a smaller terminal shows a numbered list
	minHeight = 6
	around    = 2 // lines of a list that are not rows: title and advice
	margin    = 3 // columns before a row, plus the last column, where terminals wrap
)

// list is a list on the screen with a filter.
type list struct {
	label  string
	rows   []Row
	filter []rune
	fits   []int // indexes of the rows that match the filter
	at     int   // cursor index in fits
	top    int   // index in fits of the first row on the screen
	page   int   // rows on the screen
	column int   // screen column of the title's end
}

func newList(label string, rows []Row, current int) *list {
	l := &list{label: label, rows: rows, page: maxRows}
	l.setFilter(nil)
	l.at = current
	return l
}

// selected returns the index of the marked row.
func (l *list) selected() int {
	if len(l.fits) == 0 {
		return 0
	}
	return l.fits[l.at]
}

// press handles one key.
func (l *list) press(k key) (done bool, err error) {
	switch k.code {
	case keyInterrupt:
		return false, ErrInterrupted
	case keyEOF:
		return false, ErrEnded
	case keyEnter:
		return len(l.fits) > 0, nil
	case keyUp:
		l.turn(-1)
	case keyDown:
		l.turn(1)
	case keyPageUp:
		l.moveTo(l.at - l.page)
	case keyPageDown:
		l.moveTo(l.at + l.page)
	case keyHome:
		l.moveTo(0)
	case keyEnd:
		l.moveTo(len(l.fits) - 1)
	case keyBackspace:
		l.setFilter(l.filter[:max(len(l.filter)-1, 0)])
	case keyWord:
		l.setFilter(l.filter[:wordBefore(l.filter, len(l.filter))])
	case keyClear, keyEscape:
		l.setFilter(nil)
	case keyText:
		l.setFilter(append(l.filter, k.char))
	}
	return false, nil
}

// turn moves the cursor by one row, and wraps around at both ends.
func (l *list) turn(by int) {
	if n := len(l.fits); n > 0 {
		l.at = (l.at + by + n) % n
	}
}

// moveTo moves the cursor to a row, or to the nearest end.
func (l *list) moveTo(at int) { l.at = max(min(at, len(l.fits)-1), 0) }

// setFilter sets the filter. The cursor stays on its row if the row still matches. A row
// matches if it contains each word in the filter.
func (l *list) setFilter(filter []rune) {
	before := -1
	if len(l.fits) > 0 {
		before = l.fits[l.at]
	}
	l.filter, l.fits = filter, nil
	words := strings.Fields(strings.ToLower(string(filter)))
	for i, r := range l.rows {
		row := strings.ToLower(r.fit(maxShown))
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(row, word) }) {
			l.fits = append(l.fits, i)
		}
	}
	l.at = max(slices.Index(l.fits, before), 0)
}

// draw returns the output that replaces the previous list. The cursor ends after the
// filter on the first line. Erasing from there erases the whole list.
func (l *list) draw(width, height int, s style.Style) string {
	n := max(min(len(l.fits), maxRows, height-around-1), 0)
	l.page = max(n, 1)
	l.top = max(min(l.top, l.at, len(l.fits)-n), l.at-n+1, 0)
	title := style.Cut(capitalized(l.label)+": "+string(l.filter), width-1)
	l.column = max(style.Columns(title), 1)
	lines := []string{s.Bold(title), s.Faint(l.advice(n, width-1))}
	for i := l.top; i < l.top+n; i++ {
		row := l.rows[l.fits[i]].fit(width - margin)
		if i == l.at {
			lines = append(lines, "> "+s.Bold(row))
		} else {
			lines = append(lines, "  "+row)
		}
	}
	if len(l.fits) == 0 {
		lines = append(lines, "  no matches")
	}
	return erase + strings.Join(lines, "\r\n") + fmt.Sprintf("\x1b[%dA\r\x1b[%dC", len(lines)-1, l.column)
}

// advice shows which rows are visible, and lists the keys that fit.
func (l *list) advice(shown, width int) string {
	count := fmt.Sprintf("%d of %d", len(l.fits), len(l.rows))
	if len(l.filter) == 0 && shown < len(l.rows) {
		count = fmt.Sprintf("%d-%d of %d", l.top+1, l.top+shown, len(l.rows))
	}
	all := []string{
		". Type words to filter, move with the arrows, Enter selects.",
		". Type to filter, Enter selects.",
		". Type to filter.",
	}
	switch {
	case len(l.fits) == 0:
		all = []string{". Esc clears the filter."}
	case len(l.filter) > 0:
		all = []string{". Enter selects, Esc clears the filter.", ". Enter selects."}
	}
	for _, keys := range all {
		if style.Columns(count+keys) <= width {
			return count + keys
		}
	}
	return style.Cut(count, width)
}

func (l *list) cursor() int { return l.column }

// end replaces the list with one line: the choice.
func (l *list) end(width int, s style.Style) string {
	return erase + chosen(l.label, l.rows[l.selected()], width-1, s) + "\r\n"
}

// abandon erases the list.
func (l *list) abandon() string { return erase }
