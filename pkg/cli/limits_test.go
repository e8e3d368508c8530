package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
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
	for _, path := range sourceFiles(t, top, ".go") {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
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
	}
	if functions < 1000 {
		t.Fatalf("%d functions checked", functions)
	}
}

// sourceFiles returns the files below dir whose names end in suffix, without build results.
func sourceFiles(t *testing.T, dir, suffix string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "dist"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, suffix):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// productFiles returns the Go files of the packages that the program links.
func productFiles(t *testing.T) []string {
	t.Helper()
	files := slices.DeleteFunc(sourceFiles(t, filepath.Join(top, "pkg"), ".go"), func(path string) bool {
		path = filepath.ToSlash(path)
		return strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/awstest/") || strings.Contains(path, "/testdata/")
	})
	if len(files) < 100 {
		t.Fatalf("only %d files", len(files))
	}
	return files
}
