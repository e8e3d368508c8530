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
