package cli

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// The scripts run the built program. They cannot run the test binary under its name,
// because initialization order depends on the linked packages. Each script has its own fake
// AWS and home directory.

// Paths of the checkout and the command, for the tests in this package.
var (
	top        = filepath.Join("..", "..")
	commandDir = "." + string(filepath.Separator) + filepath.Join("..", "..", "docker-credential-ecr-sso")
)

// binDir contains the built program, and feed, which calls it under a client's name. It is
// first in the PATH of all scripts.
var binDir string

// eventTimeout limits the wait for an event that must happen. It is long because the
// machine may be busy.
const eventTimeout = 5 * time.Minute

// clientNames are the names of feed on PATH. The program reads the name of its parent
// process, so there are several. Under the last name, feed is a credential store.
var clientNames = []string{"feed", "podman-remote", "python3.11", "pypy3", "sam", "buildah", "pip", "docker-credential-stand-in"}

func TestMain(m *testing.M) {
	testscript.Main(buildFirst{m}, map[string]func(){"panics": panics})
}

// panics runs the program with a panic in one of its goroutines.
func panics() {
	endOnPanic(streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	crash.Go(func() {
		fmt.Fprintln(os.Stderr, os.Args[len(os.Args)])
	})
	select {}
}

type buildFirst struct{ m *testing.M }

// Run builds the program like `make build`, and the other programs that the scripts start,
// once for all tests. These are programs of their own because the test binary takes 0.2 s to
// start with the race detector.
func (b buildFirst) Run() int {
	leaveTerminal()
	unignoreSignals()
	if err := moreParallel(); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "ecr-sso-bin-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binDir = dir
	if err := os.Mkdir(filepath.Join(dir, "none"), 0o700); err != nil { // see environment
		panic(err)
	}
	programs := []string{clientNames[0], "follow-url"} // the browser
	if runtime.GOOS != "windows" {
		programs = append(programs, "on-terminal")
	}
	if built := os.Getenv("TEST_PROGRAMS"); built != "" {
		err = linkPrograms(built, append(programs, name))
	} else {
		err = buildPrograms(programs)
	}
	for _, client := range clientNames[1:] {
		err = errors.Join(err, os.Link(filepath.Join(dir, clientNames[0]+exeSuffix()), filepath.Join(dir, client+exeSuffix())))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return b.m.Run()
}

// moreParallel runs four tests at a time for each processor, unless the user has set a
// number. They wait for half of their time: for clocks, and for the programs that they start.
func moreParallel() error {
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "test.parallel" })
	if set {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(4*runtime.NumCPU()))
}

// linkPrograms uses the programs in a directory, where Go is not available (wine, an
// emulated processor).
func linkPrograms(dir string, programs []string) (err error) {
	for _, program := range programs {
		err = errors.Join(err, os.Link(filepath.Join(dir, program+exeSuffix()), filepath.Join(binDir, program+exeSuffix())))
	}
	return err
}

// buildPrograms builds the program and those in testdata into binDir.
func buildPrograms(programs []string) error {
	packages := make([]string, len(programs))
	for i, program := range programs {
		packages[i] = "." + string(filepath.Separator) + filepath.Join(commandDir, "testdata", program)
	}
	if cover := os.Getenv("COVERDIR"); cover != "" { // see .ci/cover
		os.Setenv("GOCOVERDIR", cover) // replaces go test's directory for all programs that a test starts
		return errors.Join(goBuild("-cover", "-coverpkg=github.com/ecr-sso/docker-credential-ecr-sso/...", commandDir), goBuild(packages...))
	}
	earlier := filepath.Join(top, "bin", "test")
	all := append(programs, name)
	_ = linkPrograms(earlier, all) // go build links only programs that differ: it compares their build IDs
	if err := goBuild(append(packages, commandDir)...); err != nil {
		return err
	}
	keepPrograms(earlier, all)
	return nil
}

// keepPrograms saves the programs for later tests of this checkout. This saves seconds, but is
// not necessary, so it returns no error: dir can be on another file system.
func keepPrograms(dir string, programs []string) {
	if os.MkdirAll(dir, 0o755) != nil {
		return
	}
	for _, program := range programs {
		built := filepath.Join(dir, program+exeSuffix())
		linked := built + "." + filepath.Base(binDir) // other tests may run at the same time
		if os.Link(filepath.Join(binDir, program+exeSuffix()), linked) == nil {
			_ = os.Rename(linked, built)
		}
		_ = os.Remove(linked) // rename does nothing with two links to one file
	}
}

func goBuild(args ...string) error {
	always := []string{"build", "-buildvcs=false", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", binDir + string(filepath.Separator)}
	cmd := exec.Command("go", append(always, args...)...)
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

func TestScripts(t *testing.T) {
	t.Parallel()
	runScripts(t, scriptDir)
}

// scriptDir contains the scripts that need only the program. The scripts in its directory
// "programs" also need others.
var scriptDir = filepath.Join(commandDir, "testdata", "script")

func runScripts(t *testing.T, dir string) {
	testscript.RunT(&witness{T: t}, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(e *testscript.Env) error { return newStage(t, e) },
		Cmds:                commands(),
		Condition:           condition,
	})
}

// stage is the environment of one script.
type stage struct {
	aws  *awstest.AWS
	home *awstest.Home
	env  []string

	release func() // set by open-exclusive
	skip    func(...any)
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
	for _, kv := range s.environment() {
		k, v, _ := strings.Cut(kv, "=")
		if k == "PATH" {
			v = binDir + string(os.PathListSeparator) + e.Getenv("PATH")
		}
		e.Setenv(k, v)
	}
	if runtime.GOOS == "windows" { // see leaveTerminal
		e.Setenv("ECR_SSO_LOGIN", "never")
	}
	e.Setenv("HOST", host)
	e.Setenv("BIN", filepath.Join(binDir, name+exeSuffix()))
	e.Setenv("DEV", "210987654321.dkr.ecr.eu-west-1.amazonaws.com")
	places := env.FromList(s.home.Env()) // different on macOS and Windows
	e.Setenv("CACHE", places.CacheDir())
	e.Setenv("SETTINGS", filepath.Join(places.ConfigDir(), "config.toml"))
	// The call log and a record of all child processes. See script_canary_test.go.
	e.Setenv("CALLS_LOG", filepath.Join(e.WorkDir, "calls.log"))
	e.Setenv("CHILDREN", filepath.Join(e.WorkDir, "children"))
	e.T().(*witness).stage = s
	s.skip = e.T().Skip
	s.env = e.Vars
	e.Values[stageKey{}] = s
	e.Defer(func() { s.scanFiles(t, e.Getenv("CALLS_LOG"), e.Getenv("CHILDREN")) })
	return nil
}

// environment returns the environment of a program that runs in the home directory. No
// process reads the machine's certificates, which would take a tenth of the processor time
// of all scripts.
func (s *stage) environment() []string {
	return append(s.home.Env(), "SSL_CERT_DIR="+filepath.Join(binDir, "none"))
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }
