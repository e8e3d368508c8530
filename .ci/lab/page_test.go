package lab

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWritePart(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	const text = "# Page\n<!-- a -->\nold\nold\n<!-- /a -->\nbetween\n<!-- b -->\n<!-- /b -->\n"
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WritePart(page, "a", Table([][]string{{"x", "y"}, {"1", "2"}})+"\n\n"); err != nil {
		t.Fatal(err)
	}
	if err := WritePart(page, "b", "new\n"); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(page)
	if want := "# Page\n<!-- a -->\n| x | y |\n|---|---|\n| 1 | 2 |\n<!-- /a -->\nbetween\n<!-- b -->\nnew\n<!-- /b -->\n"; string(got) != want {
		t.Errorf("got\n%s", got)
	}
	if err := WritePart(page, "c", "new"); err == nil {
		t.Error("a part without markers was written")
	}
}

func TestWriteRows(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func(rows ...[]string) string {
		t.Helper()
		if err := WriteRows(page, "a", Table(append([][]string{{"x", "y"}}, rows...))); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(page)
		return string(text)
	}
	if err := os.WriteFile(page, []byte("<!-- a -->\n| x | y |\n|---|---|\n| 1 | 2 |\n| 11 | 3 |\n<!-- /a -->\nrest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ got, want string }{
		{write([]string{"1", "new"}), "| 1 | new |\n| 11 | 3 |"},
		{write([]string{"7", "8"}, []string{"11", "4"}), "| 1 | new |\n| 11 | 4 |\n| 7 | 8 |"},
	} {
		if want := "<!-- a -->\n| x | y |\n|---|---|\n" + tt.want + "\n<!-- /a -->\nrest\n"; tt.got != want {
			t.Errorf("got\n%s", tt.got)
		}
	}
	if WriteRows(page, "a", Table([][]string{{"x", "z"}, {"1", "2"}})) == nil || WriteRows(page, "b", Table([][]string{{"x"}})) == nil {
		t.Error("rows of another table were written")
	}
}
