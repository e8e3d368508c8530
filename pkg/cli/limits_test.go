package cli

import (
	"go/ast"
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
	functions := 0
	for _, path := range sourceFiles(t, top, ".go") {
		file := parsed(t, path)
		if n := fileSet.Position(file.FileEnd).Line; n > maxFileLines+1 { // counts the empty last line
			t.Errorf("%s has %d lines, limit %d", path, n-1, maxFileLines)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				functions++
				if n := fileSet.Position(f.End()).Line - fileSet.Position(f.Pos()).Line + 1; n > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, limit %d", fileSet.Position(f.Pos()), f.Name.Name, n, maxFunctionLines)
				}
			}
		}
	}
	if functions < 1000 {
		t.Fatalf("%d functions checked", functions)
	}
}
