package cli

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// unidiomatic lists phrases that confused readers, with plain replacements. Each of them
// was once used in this program. A pattern matches from the beginning of a word.
var unidiomatic = []struct{ pattern, plain string }{
	{`nobody\b`, "name the thing, or say you"},
	{`whoever\b`, "name the thing, or say you"},
	{`somebody\b`, "name the thing, or say you"},
	{`anybody\b`, "name the thing, or say you"},
	{`is no\b`, "is not a"},
	{`mends?\b`, "fixes"},
	{`exclude each other\b`, "can't be used together"},
	{`is as it was\b`, "no changes"},
	{`was not told\b`, "could not notify"},
	{`stands? (in|behind|beside|there)\b`, "is in, is next to"},
	{`lies? (in|behind|beside|there)\b`, "is in, is next to"},
	{`beside\b`, "next to, compared with"},
	{`came to nothing\b`, "failed"},
	{`no row fits\b`, "no matches"},
	{`settles? (which|it|the)\b`, "set"},
	{`Settles? (which|it|the)\b`, "set"},
	{`ask(s|ed|ing)? AWS\b`, "calls AWS"},
	{`is kept\b`, "cached, saved"},
	{`are kept\b`, "cached, saved"},
	{`kept (from|until|in)\b`, "cached, saved"},
	{`honour`, "honor"},
	{`renews itself\b`, "renewed automatically"},
	{`open to you\b`, "assigned to you"},
	{`may not get\b`, "is not allowed to call"},
	{`no AWS answer\b`, "instead of an AWS response"},
	{`is over\b`, "has expired, has ended"},
	{`are over\b`, "has expired, has ended"},
	{`was over\b`, "has expired, has ended"},
	{`counts? only from\b`, "is used only from"},
	{`says (which|why|who|what)\b`, "shows"},
	{`by itself\b`, "automatically"},
	{`through the browser\b`, "with the browser"},
	{`calls? (to|of) AWS\b`, "AWS call"},
	{`goes on\b`, "continues"},
	{`as (Docker|docker|the AWS CLI) does\b`, "like Docker"},
	{`for ever\b`, "forever"},
}

// good lists plain phrases that contain one of the patterns.
var good = strings.NewReplacer("there is no", "", "There is no", "", "is no longer", "")

// Users read the program's string literals and the pages in docs. (Decisions and benchmark
// tables are for developers.)
func TestUserTextsArePlain(t *testing.T) {
	t.Parallel()
	// Searching for the literal at the beginning of a pattern is much faster than the pattern.
	literals, patterns := make([]string, len(unidiomatic)), make([]*regexp.Regexp, len(unidiomatic))
	for i, p := range unidiomatic {
		patterns[i] = regexp.MustCompile(`\b` + p.pattern)
		if literals[i], _ = regexp.MustCompile(p.pattern).LiteralPrefix(); len(literals[i]) < 3 {
			t.Errorf("%s begins with no literal: write two rows", p.pattern)
		}
	}
	check := func(place, text string) {
		text = good.Replace(strings.Join(strings.Fields(text), " "))
		for i, literal := range literals {
			if !strings.Contains(text, literal) {
				continue
			}
			if found := patterns[i].FindString(text); found != "" {
				t.Errorf("%s: %q: write %s", place, found, unidiomatic[i].plain)
			}
		}
	}
	for _, literal := range factsOfSources(t).texts {
		check(literal.place, literal.text)
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

func (facts *sourceFacts) addTexts(set *token.FileSet, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			if err == nil && strings.Contains(text, " ") {
				facts.texts = append(facts.texts, placedText{set.Position(lit.Pos()).String(), text})
			}
		}
		return true
	})
}
