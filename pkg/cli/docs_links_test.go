package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	pageLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pageHeading = regexp.MustCompile("(?m)^#+ (.*)$")
	codeBlock   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	namedPath   = regexp.MustCompile("`((?:pkg|docs|\\.ci|\\.github|docker-credential-ecr-sso)/[\\w./-]+)")
)

// Every link on a page must lead to a file in the repository and, if it has an anchor, to a
// heading. Paths in code quotes must exist too, except in the history. Web addresses are
// not checked.
func TestPageLinks(t *testing.T) {
	t.Parallel()
	links := 0
	for _, path := range sourceFiles(t, top, ".md") {
		page := readPage(t, path)
		for _, m := range namedPath.FindAllStringSubmatch(page, -1) {
			if _, err := os.Stat(filepath.Join(top, filepath.FromSlash(m[1]))); err != nil && filepath.Base(path) != "CHANGELOG.md" {
				t.Errorf("%s: %s does not exist", path, m[1])
			}
		}
		for _, m := range pageLink.FindAllStringSubmatch(page, -1) {
			if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") {
				links++
				checkLink(t, path, m[1])
			}
		}
	}
	if links < 80 {
		t.Errorf("%d links", links)
	}
}

func checkLink(t *testing.T, page, link string) {
	t.Helper()
	file, anchor, hasAnchor := strings.Cut(link, "#")
	target := page
	if file != "" {
		target = filepath.Join(filepath.Dir(page), filepath.FromSlash(file))
	}
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s: %s does not exist", page, link)
		return
	}
	if hasAnchor && !anchors(readPage(t, target))[anchor] {
		t.Errorf("%s: %s: no heading with this anchor", page, link)
	}
}

// readPage returns a page without its code blocks.
func readPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return codeBlock.ReplaceAllString(strings.ReplaceAll(string(text), "\r\n", "\n"), "")
}

// anchors returns the anchors that GitHub generates for a page's headings: lower case,
// hyphens for spaces, no punctuation.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range pageHeading.FindAllStringSubmatch(page, -1) {
		name := notInAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}
