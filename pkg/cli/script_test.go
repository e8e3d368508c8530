package cli

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// The scripts drive the built program, not the test binary under its name: what
// runs first in a process depends on what is linked. One loop over the folder;
// each script has a fake AWS and a home of its own.

// Where the tests of this package find the checkout and the command.
var (
	top        = filepath.Join("..", "..")
	commandDir = "." + string(filepath.Separator) + filepath.Join("..", "..", "docker-credential-ecr-sso")
)

// binDir holds the built program and feed (next to the scripts), which calls it as a client does. It
// comes first in the PATH of every script.
var binDir string

// clientNames are the names under which feed is on PATH: the program looks at the name of
// its parent process.
var clientNames = []string{"feed", "podman-remote", "python3.11", "sam", "buildah", "pip"}

func TestMain(m *testing.M) {
	testscript.Main(buildFirst{m}, map[string]func(){"follow-url": followURL, "panics": panics})
}

// panics is the program with a fault in one of its goroutines.
func panics() {
	endOnPanic(streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	crash.Go(func() {
		fmt.Fprintln(os.Stderr, os.Args[len(os.Args)])
	})
	select {}
}

type buildFirst struct{ m *testing.M }

// Run builds the program as `make build` does, and feed, once for all tests. feed is a
// program of its own because the test binary takes 0.2 s to start with the race detector,
// and the scripts call feed some 700 times.
func (b buildFirst) Run() int {
	dir, err := os.MkdirTemp("", "ecr-sso-bin-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binDir = dir
	args := []string{"-ldflags", "-s -w"}
	if cover := os.Getenv("COVERDIR"); cover != "" { // see .ci/cover
		args = append(args, "-cover", "-coverpkg=github.com/ecr-sso/docker-credential-ecr-sso/...")
		os.Setenv("GOCOVERDIR", cover) // instead of go test's own, for each program that a test starts
	}
	err = errors.Join(buildProgram(name, append(args, commandDir)...), buildProgram(clientNames[0], filepath.Join(commandDir, "testdata", "feed")))
	for _, client := range clientNames[1:] {
		err = errors.Join(err, os.Link(filepath.Join(dir, clientNames[0]+exeSuffix()), filepath.Join(dir, client+exeSuffix())))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return b.m.Run()
}

// buildProgram builds a program into binDir. The last argument is the package.
func buildProgram(program string, args ...string) error {
	args = append([]string{"build", "-tags", "nethttpomithttp2", "-trimpath", "-o", filepath.Join(binDir, program+exeSuffix())}, args...)
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s%w", out, err)
	}
	return nil
}

func exeSuffix() string {
	if os.PathSeparator == '\\' {
		return ".exe"
	}
	return ""
}

// followURL is the browser of the scripts ($BROWSER): it opens its argument and
// follows redirects, as a browser does that is signed in already.
func followURL() {
	leaveTrace()
	res, err := http.Get(os.Args[len(os.Args)-1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		os.Exit(1)
	}
}

func TestScripts(t *testing.T) {
	testscript.RunT(&witness{T: t}, testscript.Params{
		Dir:                 filepath.Join(commandDir, "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(e *testscript.Env) error { return newStage(t, e) },
		Cmds:                commands(),
	})
}

// stage is what one script plays on.
type stage struct {
	aws  *awstest.AWS
	home *awstest.Home
	env  []string
}

type stageKey struct{}

const (
	startURL = "https://corp.awsapps.com/start"
	region   = "us-east-1"
	host     = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
)

func newStage(t *testing.T, e *testscript.Env) error {
	fake, err := awstest.New(awstest.Options{})
	if err != nil {
		return err
	}
	e.Defer(fake.Close)
	fake.AddInstance(startURL, region)
	fake.AddAccount("123456789012", "Production", "prod@example.com", "Push", "ReadOnly")
	fake.AddAccount("210987654321", "Development", "dev@example.com", "Push")
	dir := filepath.Join(e.WorkDir, "home")
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		return err
	}
	s := &stage{aws: fake, home: fake.Home(dir)}
	for _, kv := range s.home.Env() {
		k, v, _ := strings.Cut(kv, "=")
		if k == "PATH" {
			v = binDir + string(os.PathListSeparator) + e.Getenv("PATH")
		}
		e.Setenv(k, v)
	}
	e.Setenv("HOST", host)
	e.Setenv("DEV", "210987654321.dkr.ecr.eu-west-1.amazonaws.com")
	places := env.FromList(s.home.Env()) // macOS and Windows have others than Linux
	e.Setenv("CACHE", places.CacheDir())
	e.Setenv("SETTINGS", filepath.Join(places.ConfigDir(), "config.toml"))
	// What calls log, and what children were started with; see script_canary_test.go.
	e.Setenv("CALLS_LOG", filepath.Join(e.WorkDir, "calls.log"))
	e.Setenv("CHILDREN", filepath.Join(e.WorkDir, "children"))
	e.T().(*witness).stage = s
	s.env = e.Vars
	e.Values[stageKey{}] = s
	e.Defer(func() { s.scanFiles(t, e.Getenv("CALLS_LOG"), e.Getenv("CHILDREN")) })
	return nil
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }
