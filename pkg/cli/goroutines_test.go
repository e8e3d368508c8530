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

// A panic in a goroutine that package crash did not start ends the process with a dump
// of everything, instead of the one line.
func TestEveryGoroutineIsGuarded(t *testing.T) {
	set := token.NewFileSet()
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "awstest" || d.Name() == "testdata" || path == filepath.FromSlash("../internal/crash")):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a bare go statement; use crash.Go", set.Position(n.Pos()))
			case *ast.CallExpr:
				name := selector(n.Fun)
				if strings.HasPrefix(name, "crash.") {
					seen++
				}
				if !strings.HasSuffix(name, ".AfterFunc") && (!strings.HasSuffix(name, ".Go") || name == "crash.Go") {
					return true
				}
				if guard, ok := n.Args[len(n.Args)-1].(*ast.CallExpr); !ok || selector(guard.Fun) != "crash.Guard" {
					t.Errorf("%s: %s without crash.Guard", set.Position(n.Pos()), name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || seen == 0 {
		t.Error(seen, err)
	}
}

// selector spells x.f and x.y.f; "" for any other expression.
func selector(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return selector(e.X) + "." + e.Sel.Name
	}
	return ""
}
