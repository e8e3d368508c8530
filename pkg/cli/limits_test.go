package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
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
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "dist"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if n := files.Position(file.FileEnd).Line; n > maxFileLines+1 { // counts the empty last line
			t.Errorf("%s has %d lines, limit %d", path, n-1, maxFileLines)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				functions++
				if n := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; n > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, limit %d", files.Position(f.Pos()), f.Name.Name, n, maxFunctionLines)
				}
			}
		}
		return nil
	})
	if err != nil || functions < 1000 {
		t.Fatalf("%d functions checked: %v", functions, err)
	}
}
