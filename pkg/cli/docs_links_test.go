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

// The decision records have consecutive numbers, and each reference to one is valid.
func TestDecisionsAreNumberedAndFound(t *testing.T) {
	dir := filepath.Join(top, "docs", "decisions")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	records := map[string]string{}
	for i, e := range entries {
		number := fmt.Sprintf("%04d", i+1)
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || !strings.HasPrefix(e.Name(), number+"-") || !strings.HasPrefix(string(text), "# "+number+" ") {
			t.Errorf("%s: not number %s by its name and title: %v", e.Name(), number, err)
		}
		records[number] = e.Name()
	}
	named := regexp.MustCompile(`(?:decisions/|\]\(|decision )([0-9]{4})(-[a-z0-9-]+\.md)?`)
	found := 0
	for _, path := range texts(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(path, ".md") && !strings.Contains(string(text), "decision") {
			continue // with the race detector, the expression takes seconds over the whole tree
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			found++
			if name := records[m[1]]; name == "" || m[2] != "" && name != m[1]+m[2] {
				t.Errorf("%s names %s, which is no record", path, m[0])
			}
		}
	}
	if found < 10 {
		t.Errorf("%d records are named", found)
	}
}

// Each link in a page leads to a file that exists.
func TestLinksLeadToFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^()\s#:]+)(?:#[^()\s]*)?\)`)
	found := 0
	for _, path := range texts(t) {
		if filepath.Ext(path) != ".md" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if found < 50 {
		t.Errorf("%d links", found)
	}
}

// texts returns the source files and pages of the project.
func texts(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "dist", "testdata"}, d.Name()):
			return filepath.SkipDir
		case slices.Contains([]string{".go", ".md", ".yaml", ".yml"}, filepath.Ext(path)):
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
