package lab

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// WritePart replaces the text of a page between <!-- NAME --> and <!-- /NAME -->, each on
// its own line. The rest of the page is unchanged. A page without the markers is an error.
func WritePart(page, name, text string) error {
	before, _, after, err := cutPart(page, name)
	if err != nil {
		return err
	}
	return os.WriteFile(page, []byte(before+strings.TrimRight(text, "\n")+"\n"+after), 0o644)
}

// WriteRows merges the rows of table into the table in the page's part. A row replaces
// the row with the same first cell, or is appended. It returns an error if the headers
// differ.
func WriteRows(page, name, table string) error {
	_, text, _, err := cutPart(page, name)
	if err != nil {
		return err
	}
	rows, more := strings.Split(strings.Trim(text, "\n"), "\n"), strings.Split(strings.Trim(table, "\n"), "\n")
	if rows[0] != more[0] {
		return fmt.Errorf("%s: the table of %q has another header: write all rows", page, name)
	}
	for _, row := range more[2:] {
		if i := slices.IndexFunc(rows, func(old string) bool { return firstCell(old) == firstCell(row) }); i >= 0 {
			rows[i] = row
		} else {
			rows = append(rows, row)
		}
	}
	return WritePart(page, name, strings.Join(rows, "\n"))
}

func firstCell(row string) string {
	cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
	return cell
}

// cutPart splits a page into a part's text and the text before and after it. The markers
// are in before and after.
func cutPart(page, name string) (before, text, after string, err error) {
	data, err := os.ReadFile(page)
	if err != nil {
		return "", "", "", err
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(string(data), begin)
	text, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		return "", "", "", fmt.Errorf("%s: no part between %q and %q", page, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin, text, end + after, nil
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
