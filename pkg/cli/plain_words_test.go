package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// unidiomatic lists phrases that confused readers, with plain replacements. Each of them
// was once used in this program.
var unidiomatic = []struct{ pattern, plain string }{
	{`\b(nobody|whoever|somebody|anybody)\b`, "name the thing, or say you"},
	{`\bis no\b`, "is not a"},
	{`\bmends?\b`, "fixes"},
	{`\bexclude each other\b`, "can't be used together"},
	{`\bis as it was\b`, "no changes"},
	{`\bwas not told\b`, "could not notify"},
	{`\b(stands?|lies?) (in|behind|beside|there)\b`, "is in, is next to"},
	{`\bbeside\b`, "next to, compared with"},
	{`\bcame to nothing\b`, "failed"},
	{`\bno row fits\b`, "no matches"},
	{`\b[Ss]ettles? (which|it|the)\b`, "set"},
	{`\bask(s|ed|ing)? AWS\b|\basks nobody\b`, "calls AWS"},
	{`\bis kept\b|\bare kept\b|\bkept (from|until|in)\b`, "cached, saved"},
	{`\bhonour`, "honor"},
	{`\brenews itself\b`, "renewed automatically"},
	{`\bopen to you\b`, "assigned to you"},
	{`\bmay not get\b`, "is not allowed to call"},
	{`\bno AWS answer\b`, "instead of an AWS response"},
	{`\b(is|are|was) over\b`, "has expired, has ended"},
	{`\bcounts? only from\b`, "is used only from"},
	{`\bsays (which|why|who|what)\b`, "shows"},
	{`\bby itself\b`, "automatically"},
	{`\bthrough the browser\b`, "with the browser"},
	{`\bcalls? (to|of) AWS\b`, "AWS call"},
	{`\bgoes on\b`, "continues"},
	{`\bas (Docker|docker|the AWS CLI) does\b`, "like Docker"},
	{`\bfor ever\b`, "forever"},
}

// good lists plain phrases that contain one of the patterns.
var good = strings.NewReplacer("there is no", "", "There is no", "", "is no longer", "")

// Users read the program's string literals and the pages in docs. (Decisions and benchmark
// tables are for developers.)
func TestUserTextsArePlain(t *testing.T) {
	t.Parallel()
	// A pattern that begins with a literal is much faster to find than one that begins with \b.
	first, patterns := make([]*regexp.Regexp, len(unidiomatic)), make([]*regexp.Regexp, len(unidiomatic))
	for i, p := range unidiomatic {
		first[i] = regexp.MustCompile(strings.TrimPrefix(p.pattern, `\b`))
		patterns[i] = regexp.MustCompile(p.pattern)
	}
	check := func(place, text string) {
		text = good.Replace(strings.Join(strings.Fields(text), " "))
		for i, p := range patterns {
			if !first[i].MatchString(text) {
				continue
			}
			if found := p.FindString(text); found != "" {
				t.Errorf("%s: %q: write %s", place, found, unidiomatic[i].plain)
			}
		}
	}
	for _, path := range productFiles(t) {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				if err == nil && strings.Contains(text, " ") {
					check(files.Position(lit.Pos()).String(), text)
				}
			}
			return true
		})
	}
	pages, err := filepath.Glob(filepath.Join(top, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, page := range append(pages, filepath.Join(top, "README.md"), filepath.Join(top, "SECURITY.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if base := filepath.Base(page); base == "reliability.md" || base == "performance.md" || base == "maintaining.md" {
			continue
		}
		for i, line := range strings.Split(string(text), "\n") {
			check(filepath.Base(page)+":"+strconv.Itoa(i+1), line)
		}
	}
}
