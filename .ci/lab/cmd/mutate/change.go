package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// file is a source file with the texts to insert. Changes can be nested, because no text
// is replaced.
type file struct {
	set     *token.FileSet
	name    string
	text    string
	inserts []insert
	mutants *[]string
}

type insert struct {
	at   int
	text string
	// At the same offset, closing texts precede opening texts. The outermost opening text
	// and the innermost closing text are first.
	closes bool
	span   int
}

// instrument rewrites the package in dir. It returns the descriptions of the changes. The
// first is change 1.
func instrument(dir string) ([]string, error) {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	var mutants []string
	for _, name := range pkg.GoFiles {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f := &file{set: token.NewFileSet(), name: name, text: string(data), mutants: &mutants}
		tree, err := parser.ParseFile(f.set, path, data, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(tree, f.visit)
		if err := os.WriteFile(path, []byte(f.render()), 0o644); err != nil {
			return nil, err
		}
	}
	// The selector imports syscall, not os, because a test prohibits some packages from
	// importing os.
	selector := "package " + pkg.Name + `

import "syscall"

var mutant__ = func() (n int) {
	text, _ := syscall.Getenv("MUTANT")
	for i := range len(text) {
		n = 10*n + int(text[i]-'0')
	}
	return n
}()

func pick__[T any](id int, changed, true__ T) T {
	if mutant__ == id {
		return changed
	}
	return true__
}
`
	return mutants, os.WriteFile(filepath.Join(dir, "mutant__.go"), []byte(selector), 0o644)
}

func (f *file) render() string {
	slices.SortStableFunc(f.inserts, func(a, b insert) int {
		if c := cmp.Compare(a.at, b.at); c != 0 {
			return c
		}
		switch {
		case a.closes != b.closes:
			return map[bool]int{true: -1, false: 1}[a.closes]
		case a.closes:
			return cmp.Compare(a.span, b.span)
		}
		return cmp.Compare(b.span, a.span)
	})
	var b strings.Builder
	at := 0
	for _, in := range f.inserts {
		b.WriteString(f.text[at:in.at])
		b.WriteString(in.text)
		at = in.at
	}
	return b.String() + f.text[at:]
}

func (f *file) offset(p token.Pos) int           { return f.set.Position(p).Offset }
func (f *file) source(from, to token.Pos) string { return f.text[f.offset(from):f.offset(to)] }

// add adds a change and returns its number.
func (f *file) add(n ast.Node, what string) int {
	at := f.set.Position(n.Pos())
	*f.mutants = append(*f.mutants, fmt.Sprintf("%s:%d:%d: %s", f.name, at.Line, at.Column, what))
	return len(*f.mutants)
}

// around inserts text before and after a node.
func (f *file) around(n ast.Node, before, after string) {
	from, to := f.offset(n.Pos()), f.offset(n.End())
	f.inserts = append(f.inserts, insert{at: from, text: before, span: to - from}, insert{at: to, text: after, closes: true, span: to - from})
}
