package registry

import (
	"bufio"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// Every name that Parse accepts must match a pattern, label by label.
func TestPatternsMatchEveryRegistry(t *testing.T) {
	patterns := Patterns()
	for _, p := range patterns {
		if !CanMatch(p) {
			t.Errorf("no registry matches %s", p)
		}
	}
	file, err := os.Open("testdata/real.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	checked := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		_, name, _ := strings.Cut(lines.Text(), "\t")
		r, err := Parse(strings.Trim(name, `"`))
		if err != nil {
			continue
		}
		checked++
		if !slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := path.Match(strings.ReplaceAll(p, ".", "/"), strings.ReplaceAll(r.Host, ".", "/"))
			return ok && err == nil
		}) {
			t.Errorf("no pattern matches %s", r.Host)
		}
	}
	if checked < 50 {
		t.Errorf("only %d names", checked)
	}
}
