//go:build programs && linux

package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These tests read the program's system calls with strace.

// strace runs a get under strace and returns the system calls of these classes.
func (s *stage) strace(t *testing.T, server, classes string) (trace, stdout string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trace")
	get := s.get(server)
	get.cmd.Path = "/usr/bin/strace"
	get.cmd.Args = []string{"strace", "-f", "-o", file, "-e", "trace=execve," + classes, filepath.Join(binDir, name), "get"}
	err = get.cmd.Run()
	seen, _ := os.ReadFile(file)
	if !strings.Contains(string(seen), "execve(") {
		t.Fatalf("strace does not work on this machine: %v, %s", err, get.stderr.String())
	}
	return string(seen), get.stdout.String(), err
}

// For a registry other than ECR, the program opens only two files in the home directory:
// its settings and Docker's file, which list the registries it serves. It sends no packets.
func TestProgramsOtherRegistriesOpenOnlyTwoFiles(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	for _, server := range []string{"docker.io", "https://index.docker.io/v1/", host + ".evil.example", "user@" + host} {
		trace, stdout, err := s.strace(t, server, "file,network")
		if err == nil || stdout != notFound {
			t.Fatalf("%s: %v, %s", server, err, stdout)
		}
		for line := range strings.Lines(trace) {
			if s.touches(line) {
				t.Errorf("%s: %s", server, line)
			}
		}
	}
}

// touches reports whether a line of strace output shows anything other than reading these
// two files or looking for a warm entry (an alias may have any name).
func (s *stage) touches(line string) bool {
	switch {
	case strings.Contains(line, "socket("):
		return true
	case !strings.Contains(line, s.home.Dir), strings.Contains(line, "execve("):
		return false
	}
	read := strings.Contains(line, "stat") || strings.Contains(line, "readlink") || strings.Contains(line, "O_RDONLY")
	for _, path := range []string{"", "/.config/docker-credential-ecr-sso/config.toml", "/.docker/config.json"} {
		if read && strings.Contains(line, `"`+s.home.Dir+path+`"`) {
			return false
		}
	}
	const cache = "/.cache/docker-credential-ecr-sso"
	return !read || !strings.Contains(line, `"`+s.home.Dir+cache+`"`) && !(strings.Contains(line, `"`+s.home.Dir+cache+"/") && strings.Contains(line, ".warm"))
}

// For a hostile name, the program opens no socket. In the home directory, it opens only the
// two files that list its registries.
func TestProgramsHostileNamesOpenOnlyTwoFiles(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	names := vectors(t, "hostile.tsv", 6)
	for i := 0; i < len(names); i += 1 + len(names)/1000 { // about a thousand names
		trace, _, _ := s.strace(t, names[i], "file,network")
		for line := range strings.Lines(trace) {
			if s.touches(line) {
				t.Errorf("%q: %s", names[i], line)
			}
		}
	}
}

// A get does not sync its cache files, because it can fetch everything again. Syncing took
// 5 to 20 ms of a cold get.
func TestProgramsColdGetDoesNotSync(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	trace, _, err := s.strace(t, host, "desc")
	if err != nil || !strings.Contains(trace, "fchmod(") {
		t.Fatalf("%v\n%s", err, trace)
	}
	for line := range strings.Lines(trace) {
		if strings.Contains(line, "sync(") {
			t.Error(line)
		}
	}
}

// A warm get opens only its command line, its environment, its warm entry and the login,
// even with 200 registries and two thousand profiles.
func TestProgramsWarmGetSystemCalls(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	few := s.traced(t)
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
		t.Fatalf("got %+v", w)
	}
	if diff := cmp.Diff(few, s.traced(t)); diff != "" {
		t.Error(diff)
	}
}

var (
	traceLine  = regexp.MustCompile(`^\d+ +(?:<\.\.\. )?([a-z0-9_]+)(\(.*)`)
	tracedPath = regexp.MustCompile(`"(/[^"]*)"`)
)

// traced runs a warm get under strace. It returns the names and files of the system calls
// after reading the command line, without those of Go's scheduler.
func (s *stage) traced(t *testing.T) (calls []string) {
	t.Helper()
	trace, _, err := s.strace(t, host, "file,network,desc,prctl,geteuid,write")
	if err != nil {
		t.Fatal(err)
	}
	_, own, found := strings.Cut(trace, "/proc/self/cmdline")
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
