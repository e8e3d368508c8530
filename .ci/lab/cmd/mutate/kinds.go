package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// swaps maps operators to their replacements.
var swaps = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
}

// visit adds the changes of a node.
func (f *file) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok != token.CONST && n.Tok != token.TYPE && n.Tok != token.IMPORT
	case *ast.BinaryExpr:
		f.operator(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			f.boolean(n, "! removed", f.source(n.X.Pos(), n.X.End()))
		}
	case *ast.IfStmt:
		switch n.Cond.(type) {
		case *ast.BinaryExpr, *ast.UnaryExpr: // visited separately
		default:
			f.boolean(n.Cond, "condition negated", "!("+f.source(n.Cond.Pos(), n.Cond.End())+")")
		}
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	}
	return true
}

func (f *file) operator(n *ast.BinaryExpr) {
	x, y := f.source(n.X.Pos(), n.X.End()), f.source(n.Y.Pos(), n.Y.End())
	if others, ok := swaps[n.Op]; ok {
		var texts []string
		var before strings.Builder
		before.WriteString("func() bool {")
		for _, other := range others {
			id := f.add(n, fmt.Sprintf("%s becomes %s", n.Op, other))
			texts = append(texts, fmt.Sprintf(" if mutant__ == %d { return %s %s %s };", id, x, other, y))
		}
		before.WriteString(strings.Join(texts, "") + " return ")
		f.around(n, before.String(), " }()")
		return
	}
	other := map[token.Token]token.Token{token.ADD: token.SUB, token.SUB: token.ADD}[n.Op]
	if other == token.ILLEGAL || !isInt(n.X) && !isInt(n.Y) || calls(n) {
		return
	}
	id := f.add(n, fmt.Sprintf("%s becomes %s", n.Op, other))
	f.around(n, fmt.Sprintf("pick__(%d, %s %s %s, ", id, x, other, y), ")")
}

func isInt(e ast.Expr) bool {
	lit, ok := e.(*ast.BasicLit)
	return ok && lit.Kind == token.INT
}

// calls reports whether an expression calls a function. Such an expression must not be
// evaluated twice.
func calls(n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		_, call := n.(*ast.CallExpr)
		found = found || call
		return true
	})
	return found
}

func (f *file) boolean(n ast.Expr, what, changed string) {
	id := f.add(n, what)
	f.around(n, fmt.Sprintf("func() bool { if mutant__ == %d { return %s }; return ", id, changed), " }()")
}

// statements removes each statement, and returns nil instead of each error.
func (f *file) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok && fmt.Sprint(call.Fun) != "panic" {
				f.drop(s)
			}
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE && fmt.Sprint(s.Lhs[0]) != "_" {
				f.drop(s)
			}
		case *ast.IncDecStmt, *ast.DeferStmt:
			f.drop(s)
		case *ast.BranchStmt:
			if s.Tok == token.CONTINUE {
				f.drop(s)
			}
		case *ast.ReturnStmt:
			f.noError(s)
		}
	}
}

func (f *file) drop(s ast.Stmt) {
	id := f.add(s, "removed: "+firstLine(f.source(s.Pos(), s.End())))
	f.around(s, fmt.Sprintf("if mutant__ != %d { ", id), " }")
}

// noError returns nil instead of an error. The error is err, or it is created in the
// statement.
func (f *file) noError(s *ast.ReturnStmt) {
	if len(s.Results) == 0 {
		return
	}
	last := s.Results[len(s.Results)-1]
	text := f.source(last.Pos(), last.End())
	if text != "err" && !strings.HasPrefix(text, "Err") && !strings.HasPrefix(text, "fmt.Errorf(") && !strings.HasPrefix(text, "errors.New(") && !strings.HasPrefix(text, "errors.Join(") {
		return
	}
	id := f.add(s, "no error: "+firstLine(text))
	values := ""
	if len(s.Results) > 1 {
		values = f.source(s.Results[0].Pos(), s.Results[len(s.Results)-2].End()) + ", "
	}
	f.around(s, fmt.Sprintf("if mutant__ == %d { return %snil }; ", id, values), "")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
