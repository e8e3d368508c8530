package cli

import (
	"fmt"
	"go/ast"
	"go/token"
	"testing"
)

// Line limits from CONTRIBUTING.md: a file covers one topic, and a function fits on a
// screen. They also apply to tests and benchmarks. Table rows are data, so a long table is
// a variable outside the function.
const (
	maxFileLines     = 400
	maxFunctionLines = 60
)

func TestFilesAndFunctionsAreShort(t *testing.T) {
	t.Parallel()
	facts := factsOfSources(t)
	for _, long := range facts.long {
		t.Error(long)
	}
	if facts.functions < 1000 {
		t.Fatalf("%d functions checked", facts.functions)
	}
}

func (facts *sourceFacts) addLengths(set *token.FileSet, path string, file *ast.File) {
	if n := set.Position(file.FileEnd).Line; n > maxFileLines+1 { // counts the empty last line
		facts.long = append(facts.long, fmt.Sprintf("%s has %d lines, limit %d", path, n-1, maxFileLines))
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			facts.functions++
			if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > maxFunctionLines {
				facts.long = append(facts.long, fmt.Sprintf("%s: %s has %d lines, limit %d", set.Position(f.Pos()), f.Name.Name, n, maxFunctionLines))
			}
		}
	}
}
