package cli

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Some tests check the source tree. They share one parse of its Go files, and the results of
// `go list`: both take seconds with the race detector.

// readSource returns a file in the source tree.
func readSource(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sourceFiles returns the files below dir whose names end in suffix, without build results.
func sourceFiles(t *testing.T, dir, suffix string) []string {
	t.Helper()
	files, err := filesBelow(dir, suffix)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func filesBelow(dir, suffix string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
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
	return files, err
}

// productFiles returns the Go files of the packages that the program links.
func productFiles(t *testing.T) []string {
	t.Helper()
	files := slices.DeleteFunc(sourceFiles(t, filepath.Join(top, "pkg"), ".go"), func(path string) bool { return !isProductFile(path) })
	if len(files) < 100 {
		t.Fatalf("only %d files", len(files))
	}
	return files
}

func isProductFile(path string) bool {
	path = filepath.ToSlash(path)
	return strings.HasPrefix(path, filepath.ToSlash(top)+"/pkg/") && !strings.HasSuffix(path, "_test.go") &&
		!strings.Contains(path, "/awstest/") && !strings.Contains(path, "/testdata/")
}

// sourceFacts are what some tests need of the Go files in the source tree. The syntax trees of
// all files would take 100 MB.
type sourceFacts struct {
	functions, guarded int
	long, unguarded    []string // the errors of TestFilesAndFunctionsAreShort and TestEveryGoroutineIsGuarded
	texts              []placedText
}

// placedText is a string literal with its position.
type placedText struct{ place, text string }

// readFacts parses all Go files in the source tree.
var readFacts = sync.OnceValues(func() (facts sourceFacts, err error) {
	paths, err := filesBelow(top, ".go")
	for _, path := range paths {
		set := token.NewFileSet()
		file, failed := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if failed != nil {
			return facts, failed
		}
		facts.addLengths(set, path, file)
		if isProductFile(path) {
			facts.addGoroutines(set, path, file)
			facts.addTexts(set, file)
		}
	}
	return facts, err
})

func factsOfSources(t *testing.T) sourceFacts {
	t.Helper()
	facts, err := readFacts()
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

// listed is a package in the output of `go list`.
type listed struct {
	ImportPath, Dir  string
	GoFiles, Imports []string
	Module           *struct {
		Path, Dir string
		Main      bool
	}
}

// lists has a func() ([]listed, error) for each system and each pattern of `go list`.
var lists sync.Map

// ourPackages returns the packages of this module.
func ourPackages(t *testing.T, goos string) []listed {
	t.Helper()
	return list(t, goos, modulePath+"/...")
}

// linkedPackages returns the packages that the program links.
func linkedPackages(t *testing.T, goos string) []listed {
	t.Helper()
	return list(t, goos, "-deps", commandDir)
}

func list(t *testing.T, goos string, args ...string) []listed {
	t.Helper()
	once, _ := lists.LoadOrStore(goos+" "+strings.Join(args, " "), sync.OnceValues(func() (all []listed, err error) {
		cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports,Module"}, args...)...)
		cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			return nil, err
		}
		for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
			var p listed
			if err := dec.Decode(&p); err != nil {
				return nil, err
			}
			all = append(all, p)
		}
		return all, nil
	}))
	all, err := once.(func() ([]listed, error))()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
