package lab

import (
	"fmt"
	"os"
	"strings"
)

// WritePart replaces the text of a page between <!-- NAME --> and <!-- /NAME -->, each on
// its own line. The rest of the page is unchanged. A page without the markers is an error.
func WritePart(page, name, text string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		return fmt.Errorf("%s: no part between %q and %q", page, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(page, []byte(before+begin+strings.TrimRight(text, "\n")+"\n"+end+after), 0o644)
}

// Table returns a Markdown table. The first row is its header.
func Table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return b.String()
}
