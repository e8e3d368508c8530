package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These tests count the cost of a warm get: the packages initialized before it, and its
// system calls. The benchmarks measure time.

// beforeWarm lists the packages that Go initializes before warm. All of them are small.
// Adding a package makes every get slower, so try to avoid it. Go initializes a package
// before warm if it has few or no imports and its path sorts before ours.
var beforeWarm = []string{
	"internal/bytealg", "internal/runtime/gc/scan", "runtime", // the runtime, as in an empty program
	"crypto/internal/fips140deps/cpu", "math",
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/kernel", // finds the row of this processor
}

func TestPackagesInitializedBeforeWarm(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	get := s.get(host)
	get.cmd.Env = append(get.cmd.Env, "GODEBUG=inittrace=1")
	if err := get.cmd.Run(); err != nil {
		t.Fatal(err)
	}
	packages, rest := initialized(get.stderr.String())
	if !slices.Contains(packages, "runtime") || slices.Contains(packages, "os") || rest != "" {
		t.Fatalf("not a warm answer: %v, %s", packages, rest)
	}
	for _, p := range packages {
		if !slices.Contains(beforeWarm, p) {
			t.Errorf("%s is initialized before warm", p)
		}
	}
}

// A warm get opens only its command line, its environment, its warm entry and the login,
// even with 200 registries and two thousand profiles.
func TestWarmGetSystemCalls(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	s := newWarm(t)
	few := s.traced(t, strace)
	opened := 0
	for _, call := range few {
		if strings.HasPrefix(call, "open") {
			opened++
		}
		if strings.HasPrefix(call, "socket") || strings.HasPrefix(call, "execve") || strings.HasPrefix(call, "unlink") || strings.HasPrefix(call, "rename") {
			t.Errorf("unexpected: %s", call)
		}
	}
	hardened := slices.Index(few, "prctl")
	if login := slices.IndexFunc(few, func(c string) bool { return strings.HasPrefix(c, "open") && strings.HasSuffix(c, ".v1.json") }); hardened < 0 || login < hardened {
		t.Errorf("the login is call %d, undumpable is call %d", login, hardened)
	}
	if opened != 4 || len(few) > 36 {
		t.Errorf("%d files opened, %d calls:\n%s", opened, len(few), strings.Join(few, "\n"))
	}
	if err := manyOthers(t, s); err != nil {
		t.Fatal(err)
	}
	var config strings.Builder
	config.WriteString("[profile prod]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Push\nregion = us-east-1\n" +
		"[sso-session corp]\nsso_start_url = " + startURL + "\nsso_region = us-east-1\nsso_registration_scopes = sso:account:access\n")
	for range 2000 {
		config.WriteString("[profile another]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Push\n")
	}
	s.home.WriteConfig(config.String())
	s.ageInputs(t)
	if w := s.bothWays(t, question{text: host}); w.warm || w.Status != "exit status 0" {
		t.Fatalf("%+v", w)
	}
	if diff := cmp.Diff(few, s.traced(t, strace)); diff != "" {
		t.Error(diff)
	}
}

var (
	traceLine  = regexp.MustCompile(`^\d+ +(?:<\.\.\. )?([a-z0-9_]+)(\(.*)`)
	tracedPath = regexp.MustCompile(`"(/[^"]*)"`)
)

// traced runs a warm get under strace. It returns the names and files of the system calls
// after reading the command line, without those of Go's scheduler.
func (s *stage) traced(t *testing.T, strace string) (calls []string) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	get := s.get(host)
	get.cmd.Path = strace
	get.cmd.Args = []string{strace, "-f", "-o", trace, "-e", "trace=file,network,desc,prctl,geteuid,write", filepath.Join(binDir, name), "get"}
	if err := get.cmd.Run(); err != nil {
		t.Fatalf("%v, %s", err, get.stderr.String())
	}
	data, err := os.ReadFile(trace)
	if err != nil || !strings.Contains(string(data), "execve(") {
		t.Skipf("strace does not work on this machine: %v", err)
	}
	_, own, found := strings.Cut(string(data), "/proc/self/cmdline")
	if !found {
		t.Fatal("the command line was not read")
	}
	calls = append(calls, "open command line")
	for line := range strings.Lines(own) {
		m := traceLine.FindStringSubmatch(line)
		if m == nil || m[1] == "mmap" || m[1] == "epoll_create1" || m[1] == "pread64" {
			continue
		}
		file := ""
		if q := tracedPath.FindStringSubmatch(m[2]); q != nil {
			file = " " + strings.TrimPrefix(q[1], s.home.Dir)
		}
		calls = append(calls, m[1]+file)
	}
	return calls
}
