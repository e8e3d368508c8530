package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every test mentioned in docs/security.md must exist, and every property must have a test.
func TestSecurityPageTestsExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(top, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	functions, _ := testSources(t, ".")
	_, table, _ := strings.Cut(string(page), "## What we promise")
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`").FindAllStringSubmatch(table, -1) {
		if !slices.Contains(functions, m[1]) {
			t.Errorf("test %s does not exist", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`([a-z_0-9]+\\.txtar)`").FindAllStringSubmatch(table, -1) {
		if _, err := os.Stat(filepath.Join(scriptDir, m[1])); err != nil {
			t.Errorf("script %s does not exist", m[1])
		}
	}
	rows := regexp.MustCompile(`(?m)^\| (P\d+) \|.*$`).FindAllStringSubmatch(table, -1)
	for _, row := range rows {
		cells := strings.Split(row[0], "|")
		if len(cells) != 6 || !strings.Contains(cells[4], "`Test") && !strings.Contains(cells[4], ".txtar`") {
			t.Errorf("%s has no test: %q", row[1], row[0])
		}
	}
	for i := range max(26, len(rows)) {
		name := fmt.Sprintf("P%d", i+1)
		if n := strings.Count(table, "\n| "+name+" |"); n != 1 {
			t.Errorf("%d rows of %s", n, name)
		}
	}
}
