package cli

import (
	"encoding/json"
	"fmt"
	"io"
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

var binDir string // holds the built program, on every script's PATH

func TestMain(m *testing.M) {
	testscript.Main(buildFirst{m}, map[string]func(){
		"feed": feed, "follow-url": followURL, "panics": panics,
		// feed under the names of clients: the program looks at what started it
		"podman-remote": feed, "python3.11": feed, "sam": feed, "buildah": feed, "pip": feed,
	})
}

// panics is the program with a fault in one of its goroutines.
func panics() {
	endOnPanic(streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	crash.Go(func() {
		var m map[string]int
		m["secret"]++
	})
	select {}
}

type buildFirst struct{ m *testing.M }

// Run builds the program as `make build` does, once for all tests.
func (b buildFirst) Run() int {
	dir, err := os.MkdirTemp("", "ecr-sso-bin-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binDir = dir
	args := []string{"build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, name+exeSuffix())}
	if cover := os.Getenv("COVERDIR"); cover != "" { // see .ci/cover
		args = append(args, "-cover", "-coverpkg=github.com/ecr-sso/docker-credential-ecr-sso/...")
		os.Setenv("GOCOVERDIR", cover) // instead of go test's own, for each program that a test starts
	}
	build := exec.Command("go", append(args, commandDir)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		return 1
	}
	return b.m.Run()
}

func exeSuffix() string {
	if os.PathSeparator == '\\' {
		return ".exe"
	}
	return ""
}

// feed asks the program as a Docker client does: `feed get HOST` hands HOST on
// stdin without a line end, `feed store HOST USER SECRET` the JSON of a login.
// `feed get HOST at-once` has the whole question there before the program starts.
// Other words are passed on as they are.
func feed() {
	args, stdin, atOnce := os.Args[1:], "", false
	switch {
	case len(args) == 2 && args[1] == "-": // `feed get -`: stdin as the script gives it
		args = args[:1]
		all, _ := io.ReadAll(os.Stdin)
		stdin = string(all)
	case len(args) == 3 && args[0] == "get" && args[2] == "at-once":
		args, stdin, atOnce = args[:1], args[1], true
	case len(args) == 2 && (args[0] == "get" || args[0] == "erase"):
		args, stdin = args[:1], args[1]
	case len(args) == 4 && args[0] == "store":
		login, _ := json.Marshal(map[string]string{"ServerURL": args[1], "Username": args[2], "Secret": args[3]})
		args, stdin = args[:1], string(login)+"\n"
	case len(args) == 1 && args[0] == "list":
		stdin = "unused"
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), os.Stdout, os.Stderr
	if atOnce {
		cmd.Stdin = inFile(stdin)
	}
	if isVerb(args[0]) && os.Getenv("ECR_SSO_LOG") == "" { // each call is logged, and the log looked through
		cmd.Env = append(os.Environ(), "ECR_SSO_LOG="+os.Getenv("CALLS_LOG"))
	}
	if err := cmd.Run(); err != nil {
		if exit, ok := err.(*exec.ExitError); ok {
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
}

// inFile is a file that holds text.
func inFile(text string) *os.File {
	f, err := os.CreateTemp("", "stdin")
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
	return f
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
			// testscript's own directory, with feed, stands first already.
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
