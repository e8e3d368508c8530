package prompt

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Row is one choice. Both texts may come from a server: they are cleaned here.
type Row struct {
	Text string // such as "Production, prod@example.com"
	ID   string // "123456789012"; shown whole and in brackets behind Text, or alone
}

// fit lays a row out in at most width columns. The id is what people compare,
// so the text before it is what gets cut.
func (r Row) fit(width int) string {
	text, id := hint.Clean(r.Text, maxShown), hint.Clean(r.ID, maxShown)
	switch {
	case id == "":
		return cut(text, width)
	case text == "":
		return cut(id, width)
	}
	tail := " (" + id + ")"
	return cut(cut(text, max(width-columns(tail), 0))+tail, width)
}

// Choose lets the person choose one of the rows and returns its index: with the
// arrow keys and a filter, or by number where a list cannot be drawn. label
// names what is chosen ("account"); current is the row to start at, -1 for none.
// Errors: as those of Text.
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
	return t.chooseByArrows(ctx, label, rows, max(current, 0))
}

// chooseByNumber prints the rows with numbers. The id or the text of a row is an
// answer too.
func (t *Terminal) chooseByNumber(ctx context.Context, label string, rows []Row, current int) (int, error) {
	var b strings.Builder
	digits := len(strconv.Itoa(len(rows)))
	for i, r := range rows {
		fmt.Fprintf(&b, "%*d) %s\n", digits+2, i+1, r.fit(maxShown))
	}
	if err := t.print(b.String()); err != nil {
		return 0, err
	}
	q := Question{
		Label: "Number of the " + label,
		Empty: fmt.Sprintf("(1-%d)", len(rows)),
		Check: func(answer string) error {
			if _, ok := find(rows, answer); !ok {
				return fmt.Errorf("a number from 1 to %d is needed", len(rows))
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
	return i, nil
}

// find reads an answer: a row's number, else the id or text of exactly one row.
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
