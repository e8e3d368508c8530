package cli

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// floors maps each package to its floor. A package may only import from lower floors.
// The test fails for a new package until it has a row here.
var floors = map[string]int{
	"docker-credential-ecr-sso": 6,

	"pkg/cli": 5,

	"pkg/internal/configure": 4,
	"pkg/internal/doctor":    4,
	"pkg/internal/kubelet":   4,
	"pkg/credhelper":         4,
	"pkg/internal/login":     4,
	"pkg/internal/populate":  4,

	"pkg/internal/awsclient": 3,
	"pkg/internal/profile":   3,
	"pkg/internal/prompt":    3,

	"pkg/internal/awscache":     2,
	"pkg/internal/awsconfig":    2,
	"pkg/internal/dockerconfig": 2,
	"pkg/internal/fallback":     2,
	"pkg/internal/keychain":     2,
	"pkg/internal/settings":     2,
	"pkg/internal/tokencache":   2,

	"pkg/internal/programs": 1,
	"pkg/internal/safefile": 1,
	"pkg/internal/style":    1,
	"pkg/internal/warm":     1,

	"pkg/internal/crash":    0,
	"pkg/internal/env":      0,
	"pkg/internal/hint":     0,
	"pkg/internal/secret":   0,
	"pkg/internal/warmfile": 0,
	"pkg/registry":          0,
}

// besideFloors are test packages. Only tests and the demo use them. No released binary
// links them (TestTheBinaryShipsNoTestCode).
var besideFloors = []string{"pkg/awstest", "docker-credential-ecr-sso/e2e"}

// sameFloor are the allowed imports within a floor, each with its reason.
var sameFloor = map[[2]string]string{
	{"pkg/internal/doctor", "pkg/credhelper"}:  "it checks what a get would do",
	{"pkg/internal/env", "pkg/internal/hint"}:  "the program's directories have its name, and a missing one has a command",
	{"pkg/internal/kubelet", "pkg/credhelper"}: "it returns the logins that a get returns",
	{"pkg/credhelper", "pkg/internal/login"}:   "sign-in and sign-out are methods of its Helper",
}

// bans are imports that only the listed packages may have, each with its reason.
var bans = []struct {
	path   string // an import path, or a prefix ending in /
	only   []string
	reason string
}{
	{"github.com/aws/", []string{"pkg/internal/awsclient"},
		"one package knows the SDK, so that the rest deals in registries, sessions and roles"},
	{"github.com/spf13/", []string{"pkg/cli"},
		"only the command line knows cobra"},
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
// initialized before them makes each warm get slower.
var confined = map[string][]string{
	"pkg/internal/warm":     {"syscall", "unsafe", "pkg/internal/warmfile"},
	"pkg/internal/warmfile": {"syscall"},
}

// onlyCommand are packages that only the command line may import, each with its reason.
var onlyCommand = map[string]string{
	"pkg/internal/warm": "it answers and ends any program that links it and is called with the one word get",
}

// public are the packages that other modules can import.
var public = []string{"pkg/awstest", "pkg/cli", "pkg/credhelper", "pkg/registry"}

type listed struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Module     *struct{ Main bool }
}

// list returns the packages that `go list` finds.
func list(t *testing.T, goos string, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Standard,Module"}, args...)...)
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func local(path string) (string, bool) { return strings.CutPrefix(path, modulePath+"/") }

func beside(pkg string) bool {
	return slices.ContainsFunc(besideFloors, func(b string) bool { return pkg == b || strings.HasPrefix(pkg, b+"/") })
}

func TestFloors(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for _, p := range list(t, goos, modulePath+"/...") {
				pkg, _ := local(p.ImportPath)
				if beside(pkg) {
					continue
				}
				floor, ok := floors[pkg]
				if !ok {
					t.Errorf("%s has no row in the table of floors", pkg)
				}
				seen[pkg] = true
				for _, path := range p.Imports {
					checkImport(t, pkg, floor, path)
				}
			}
			for pkg := range floors {
				if !seen[pkg] {
					t.Errorf("%s has a row, but is not a package", pkg)
				}
			}
		})
	}
}

// TestOnlyTheseArePublic keeps the list short: a public package has to stay compatible.
func TestOnlyTheseArePublic(t *testing.T) {
	for _, p := range list(t, "linux", modulePath+"/pkg/...") {
		pkg, _ := local(p.ImportPath)
		if !strings.HasPrefix(pkg, "pkg/internal/") && !strings.HasPrefix(pkg, "pkg/awstest/cmd/") && !slices.Contains(public, pkg) {
			t.Errorf("%s can be imported by other modules", pkg)
		}
	}
}

func checkImport(t *testing.T, pkg string, floor int, path string) {
	t.Helper()
	to, ok := local(path)
	if allowed, is := confined[pkg]; is && !slices.Contains(allowed, path) && !slices.Contains(allowed, to) {
		t.Errorf("%s imports %s: it may import %v only", pkg, path, allowed)
	}
	if reason, is := onlyCommand[to]; is && pkg != "pkg/cli" {
		t.Errorf("%s imports %s: %s", pkg, to, reason)
	}
	if ok {
		switch _, reasoned := sameFloor[[2]string{pkg, to}]; {
		case beside(to):
			t.Errorf("%s imports %s, which is for tests", pkg, to)
		case floors[to] == floor && !reasoned:
			t.Errorf("%s imports %s on its own floor %d without a reason in the table", pkg, to, floor)
		case floors[to] > floor:
			t.Errorf("%s (floor %d) imports %s (floor %d)", pkg, floor, to, floors[to])
		}
		return
	}
	if floor == 0 && strings.Contains(path, ".") {
		t.Errorf("%s imports %s: floor 0 has the standard library only", pkg, path)
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
func TestBansAndReasonsAreStillNeeded(t *testing.T) {
	used := map[string]map[string]bool{} // package -> imports
	for _, p := range list(t, "linux", modulePath+"/...") {
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
				t.Errorf("%s is allowed %s and does not import it", pkg, ban.path)
			}
		}
	}
	for pair, reason := range sameFloor {
		if reason == "" || !used[pair[0]][modulePath+"/"+pair[1]] {
			t.Errorf("%v: no reason given, or no such import", pair)
		}
	}
}

// The table in CONTRIBUTING.md must match the floors that this file checks.
func TestContributingShowsTheFloors(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(top, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^    (?:([0-6])|[- ])  ([a-z][a-z -]*?)   `)
	shown := map[string]int{}
	floor := -1
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		if m[1] != "" {
			floor = int(m[1][0] - '0')
		}
		for name := range strings.FieldsSeq(m[2]) {
			shown[name] = floor
		}
	}
	for pkg, floor := range floors {
		if on, ok := shown[path.Base(pkg)]; !ok || on != floor {
			t.Errorf("%s is on floor %d, CONTRIBUTING.md shows %d, %v", pkg, floor, on, ok)
		}
	}
}

func TestTheBinaryShipsNoTestCode(t *testing.T) {
	for _, p := range list(t, "linux", "-deps", commandDir) {
		pkg, ok := local(p.ImportPath)
		if ok && beside(pkg) || p.ImportPath == "testing" || strings.HasPrefix(p.ImportPath, "github.com/google/go-containerregistry") {
			t.Errorf("the binary links %s", p.ImportPath)
		}
	}
}

// env.AWSFile builds the paths of the AWS CLI's files and rejects an empty home. Other
// code that joined ".aws" to an empty home would write into the working directory.
func TestOnePlaceBuildsThePathsOfTheAWSCLI(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(filepath.Join(".."), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		pkg := "pkg/" + filepath.ToSlash(strings.TrimPrefix(file, ".."+string(filepath.Separator)))
		if strings.HasPrefix(pkg, "pkg/internal/env/") || beside(path.Dir(pkg)) {
			return nil
		}
		checked++
		text, err := os.ReadFile(file)
		if bytes.Contains(text, []byte(`".aws"`)) {
			t.Errorf("%s builds a path below .aws by itself; use env.AWSFile", pkg)
		}
		return err
	})
	if err != nil || checked < 100 {
		t.Fatalf("%d files checked, %v", checked, err)
	}
}

// A panic in a goroutine that package crash did not start would end the process with a
// dump of all goroutines instead of one line.
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

// selector returns the text of x.f and x.y.f, and "" for any other expression.
func selector(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return selector(e.X) + "." + e.Sel.Name
	}
	return ""
}
