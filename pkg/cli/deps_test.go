package cli

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// layers maps each package to its layer. A package may only import packages from lower
// layers. A new package needs a row here.
var layers = map[string]int{
	"docker-credential-ecr-sso": 8,

	"pkg/cli": 7,

	"pkg/internal/doctor":  6,
	"pkg/internal/kubelet": 6,

	"pkg/credhelper": 5,

	"pkg/internal/configure": 4,
	"pkg/internal/login":     4,
	"pkg/internal/populate":  4,

	"pkg/internal/awsclient": 3,
	"pkg/internal/fallback":  3,
	"pkg/internal/keychain":  3,
	"pkg/internal/profile":   3,
	"pkg/internal/prompt":    3,

	"pkg/internal/awscache":     2,
	"pkg/internal/awsconfig":    2,
	"pkg/internal/dockerconfig": 2,
	"pkg/internal/programs":     2,
	"pkg/internal/settings":     2,
	"pkg/internal/style":        2,
	"pkg/internal/tokencache":   2,
	"pkg/internal/warm":         2,

	"pkg/internal/env":      1,
	"pkg/internal/safefile": 1,
	"pkg/internal/warmfile": 1,

	"pkg/internal/crash":  0,
	"pkg/internal/hint":   0,
	"pkg/internal/kernel": 0,
	"pkg/internal/secret": 0,
	"pkg/registry":        0,
}

// testOnly are packages for tests and the demo. Released binaries must not link them
// (TestBinaryHasNoTestCode).
var testOnly = []string{"pkg/awstest", "docker-credential-ecr-sso/e2e"}

// bans lists imports that only the given packages may have, each with its reason.
var bans = []struct {
	path   string // an import path, or a prefix ending in /
	only   []string
	reason string
}{
	{"github.com/aws/", []string{"pkg/internal/awsclient"},
		"one package wraps the SDK; the rest of the code uses registries, sessions and roles"},
	{"github.com/spf13/", []string{"pkg/cli"},
		"only the command line uses cobra"},
	{"golang.org/x/term", []string{"pkg/cli", "pkg/internal/prompt", "pkg/internal/style"},
		"only the command line, its questions and what both can show know the terminal"},
	{"github.com/gofrs/flock", []string{"pkg/internal/safefile"},
		"locks have one home, which handles their deadlines and file systems without locks"},
	{"os/exec", []string{"pkg/internal/awsclient", "pkg/internal/programs", "pkg/internal/keychain", "pkg/internal/login", "pkg/internal/doctor", "pkg/internal/fallback"},
		"five packages start programs: a profile's credential_process, a keychain, the browser, the question for a desktop's PATH, none of them with our stdout; and the fallback store, whose answer is the client's; programs finds and ends them"},
	{"crypto/tls", []string{"pkg/internal/awsclient"},
		"one package decides which certificates are trusted"},
	{"net/http", []string{"pkg/internal/awsclient", "pkg/credhelper", "pkg/internal/login"},
		"calls go through awsclient; credhelper passes a transport on, login serves the callback and follows vanity start URLs"},
}

// confined maps packages to the only imports that they may have. Every package that is
// initialized before them slows down warm gets.
var confined = map[string][]string{
	"pkg/internal/kernel":   {"runtime", "unsafe"},
	"pkg/internal/warm":     {"unsafe", "pkg/internal/kernel", "pkg/internal/warmfile"},
	"pkg/internal/warmfile": {"pkg/internal/kernel"},
}

// reserved lists packages that only the given packages may import, each with its reason.
var reserved = map[string]struct {
	only   []string
	reason string
}{
	"pkg/internal/warm":   {[]string{"pkg/cli"}, "it answers and ends any program that links it and is called with the one word get"},
	"pkg/internal/kernel": {[]string{"pkg/internal/warm", "pkg/internal/warmfile"}, "it passes addresses to the kernel unchecked; other code uses package os"},
}

// public lists the packages that other modules can import.
var public = []string{"pkg/awstest", "pkg/cli", "pkg/credhelper", "pkg/registry"}

func local(path string) (string, bool) { return strings.CutPrefix(path, modulePath+"/") }

func beside(pkg string) bool {
	return slices.ContainsFunc(testOnly, func(b string) bool { return pkg == b || strings.HasPrefix(pkg, b+"/") })
}

func TestLayers(t *testing.T) {
	t.Parallel()
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for _, p := range ourPackages(t, goos) {
				pkg, _ := local(p.ImportPath)
				if beside(pkg) {
					continue
				}
				layer, ok := layers[pkg]
				if !ok {
					t.Errorf("%s has no row in layers", pkg)
				}
				seen[pkg] = true
				for _, path := range p.Imports {
					checkImport(t, pkg, layer, path)
				}
			}
			for pkg := range layers {
				if !seen[pkg] {
					t.Errorf("layers has a row for %s, which does not exist", pkg)
				}
			}
		})
	}
}

// TestPublicPackages keeps the list short: public packages must remain compatible.
func TestPublicPackages(t *testing.T) {
	t.Parallel()
	for _, p := range ourPackages(t, "linux") {
		pkg, _ := local(p.ImportPath)
		if strings.HasPrefix(pkg, "pkg/") && !strings.HasPrefix(pkg, "pkg/internal/") && !strings.HasPrefix(pkg, "pkg/awstest/cmd/") && !slices.Contains(public, pkg) {
			t.Errorf("other modules can import %s", pkg)
		}
	}
}

func checkImport(t *testing.T, pkg string, layer int, path string) {
	t.Helper()
	to, ok := local(path)
	if allowed, is := confined[pkg]; is && !slices.Contains(allowed, path) && !slices.Contains(allowed, to) {
		t.Errorf("%s imports %s: allowed imports are %v", pkg, path, allowed)
	}
	if rule, is := reserved[to]; is && !slices.Contains(rule.only, pkg) {
		t.Errorf("%s imports %s: %s", pkg, to, rule.reason)
	}
	if ok {
		switch {
		case beside(to):
			t.Errorf("%s imports %s, which is only for tests", pkg, to)
		case layers[to] >= layer:
			t.Errorf("%s (layer %d) imports %s (layer %d)", pkg, layer, to, layers[to])
		}
		return
	}
	if layer == 0 && strings.Contains(path, ".") {
		t.Errorf("%s imports %s: layer 0 may only import the standard library", pkg, path)
	}
	for _, ban := range bans {
		if matches(path, ban.path) && !slices.Contains(ban.only, pkg) {
			t.Errorf("%s imports %s: %s", pkg, path, ban.reason)
		}
	}
}

func matches(path, ban string) bool {
	return path == ban || strings.HasSuffix(ban, "/") && strings.HasPrefix(path, ban)
}

// A rule about an import that no longer exists must be removed.
func TestImportRulesAreNeeded(t *testing.T) {
	t.Parallel()
	used := map[string]map[string]bool{} // package -> imports
	for _, p := range ourPackages(t, "linux") {
		pkg, _ := local(p.ImportPath)
		used[pkg] = map[string]bool{}
		for _, path := range p.Imports {
			used[pkg][path] = true
		}
	}
	for _, ban := range bans {
		for _, pkg := range ban.only {
			found := false
			for path := range used[pkg] {
				found = found || matches(path, ban.path)
			}
			if !found {
				t.Errorf("%s may import %s but does not", pkg, ban.path)
			}
		}
	}
}

// The table in CONTRIBUTING.md must match layers.
func TestContributingShowsLayers(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(top, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^    (?:([0-8])|[- ])  ([a-z][a-z -]*?)   `)
	shown := map[string]int{}
	layer := -1
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		if m[1] != "" {
			layer = int(m[1][0] - '0')
		}
		for name := range strings.FieldsSeq(m[2]) {
			shown[name] = layer
		}
	}
	for pkg, layer := range layers {
		if on, ok := shown[path.Base(pkg)]; !ok || on != layer {
			t.Errorf("%s is on layer %d, but CONTRIBUTING.md shows %d, %v", pkg, layer, on, ok)
		}
	}
}

func TestBinaryHasNoTestCode(t *testing.T) {
	t.Parallel()
	for _, p := range linkedPackages(t, "linux") {
		pkg, ok := local(p.ImportPath)
		if ok && beside(pkg) || p.ImportPath == "testing" || strings.HasPrefix(p.ImportPath, "github.com/google/go-containerregistry") {
			t.Errorf("the binary links %s", p.ImportPath)
		}
	}
}

// env.AWSFile builds the paths of the AWS CLI's files and rejects an empty home directory.
// Code that joined ".aws" to an empty home directory would write to the working directory.
func TestOnlyEnvBuildsAWSPaths(t *testing.T) {
	t.Parallel()
	for _, file := range productFiles(t) {
		if filepath.Base(filepath.Dir(file)) == "env" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(`".aws"`)) {
			t.Errorf("%s builds a path below .aws; use env.AWSFile", file)
		}
	}
}

// A panic in a goroutine that was not started with package crash would print a dump of all
// goroutines instead of one error line.
func TestEveryGoroutineIsGuarded(t *testing.T) {
	t.Parallel()
	facts := factsOfSources(t)
	for _, unguarded := range facts.unguarded {
		t.Error(unguarded)
	}
	if facts.guarded == 0 {
		t.Error("no goroutines")
	}
}

func (facts *sourceFacts) addGoroutines(set *token.FileSet, path string, file *ast.File) {
	if filepath.Base(filepath.Dir(path)) == "crash" {
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			facts.unguarded = append(facts.unguarded, fmt.Sprintf("%s: go statement; use crash.Go", set.Position(n.Pos())))
		case *ast.CallExpr:
			name := selector(n.Fun)
			if strings.HasPrefix(name, "crash.") {
				facts.guarded++
			}
			if !strings.HasSuffix(name, ".AfterFunc") && (!strings.HasSuffix(name, ".Go") || name == "crash.Go") {
				return true
			}
			if guard, ok := n.Args[len(n.Args)-1].(*ast.CallExpr); !ok || selector(guard.Fun) != "crash.Guard" {
				facts.unguarded = append(facts.unguarded, fmt.Sprintf("%s: %s without crash.Guard", set.Position(n.Pos()), name))
			}
		}
		return true
	})
}

// selector returns the text of x.f or x.y.f, and "" for other expressions.
func selector(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return selector(e.X) + "." + e.Sel.Name
	}
	return ""
}
