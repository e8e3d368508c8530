//go:build unix

package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// withStore adds a fallback store to the home directory: a shell script with this text.
func (s *stage) withStore(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	config := filepath.Join(dir, "config.toml")
	program := filepath.Join(dir, "docker-credential-fake")
	if err := errors.Join(awstest.WriteProgram(program, []byte("#!/bin/sh\n"+text+"\n")),
		os.WriteFile(config, []byte("fallback = \"fake\"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "ECR_SSO_CONFIG="+config, "PATH="+dir+":"+binDir+":/usr/bin:/bin")
	return dir
}

// ask runs a program like a client and returns everything that the client receives.
func (s *stage) ask(program, verb, stdin string, env ...string) (stdout, stderr string, code int) {
	cmd := s.get(stdin).cmd
	var out, errs strings.Builder
	cmd.Path, cmd.Args = program, []string{filepath.Base(program), verb}
	cmd.Env = append(append(cmd.Env, s.env...), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	_ = cmd.Run()
	code = cmd.ProcessState.ExitCode()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		code = -int(ws.Signal())
	}
	return out.String(), errs.String(), code
}

func TestFallbackPassthrough(t *testing.T) {
	t.Parallel()
	helper := filepath.Join(binDir, name)
	s := newHome(t)
	environment := slices.Clip(s.env)
	const login = `{"ServerURL":"quay.io","Username":"u","Secret":"a\u0026b"}`
	long := `{"ServerURL":"quay.io","Username":"u","Secret":"` + strings.Repeat("x", 20_000) + `"}`
	for what, c := range map[string]struct{ verb, stdin, does string }{
		"login":                      {"get", "quay.io", `echo '` + login + `'`},
		"request with a line ending": {"get", "https://index.docker.io/v1/\n", `od -c; echo '` + login + `'`},
		"Docker Hub, in capitals":    {"get", "https://INDEX.docker.io/v1/", `cat`},
		"byte-order mark":            {"get", "\ufeffquay.io\r\n", `od -c`},
		"port":                       {"get", "localhost:5000", `cat`},
		"IP address":                 {"get", "[::1]:5000", `cat`},
		"not found":                  {"get", "quay.io", `echo credentials not found in native keychain; exit 1`},
		"error":                      {"get", "quay.io", `echo oh no; echo more >&2; exit 7`},
		"invalid output, success":    {"get", "quay.io", `printf '\000\001\377 no JSON'; printf '\033[1m\200' >&2`},
		"nothing and success":        {"get", "quay.io", `exit 0`},
		"store that reads no stdin":  {"store", login, `exec <&-; exit 3`},
		"store":                      {"store", login + "\n", `od -c`},
		"store larger than a pipe":   {"store", long, `cat`},
		"erase":                      {"erase", "quay.io", `cat; echo gone >&2`},
		"store kills itself":         {"get", "quay.io", `echo half; kill -9 $$`},
		"store is terminated":        {"get", "quay.io", `kill -TERM $$`},
		"environment":                {"get", "quay.io", `env | grep -v '^ECR_SSO_FALLBACK=' | sort`},
		"arguments and directory":    {"get", "quay.io", `echo "$#" "$1" "$(basename "$0")"; pwd; umask; ulimit -n`},
		"descriptors":                {"get", "quay.io", `ls /proc/self/fd 2>/dev/null | wc -l`},
		"signals":                    {"get", "quay.io", `grep Sig /proc/self/status 2>/dev/null | grep -v SigQ`},
		"large output":               {"get", "quay.io", `head -c 300000 /dev/zero`},
		"user AWS, other registry":   {"store", `{"ServerURL":"quay.io","Username":"AWS","Secret":"x"}`, `cat`},
	} {
		t.Run(what, func(t *testing.T) {
			s.env = environment
			dir := s.withStore(t, c.does)
			before := s.snapshot(t)
			out, errs, code := s.ask(helper, c.verb, c.stdin)
			wantOut, wantErrs, wantCode := s.ask(filepath.Join(dir, "docker-credential-fake"), c.verb, c.stdin)
			if wantCode < 0 && len(c.stdin) > 4096 {
				wantCode = 128 - wantCode
			}
			if out != wantOut || errs != wantErrs || code != wantCode {
				t.Errorf("helper: %q, %q, %d\nstore: %q, %q, %d", out, errs, code, wantOut, wantErrs, wantCode)
			}
			if after := s.snapshot(t); after != before {
				t.Errorf("files changed:\n%s\n%s", before, after)
			}
		})
	}
}

// The fallback store never receives the name or login of an ECR registry or of an alias, in
// any form.
func TestFallbackGetsNoECRName(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	dir := s.withStore(t, `{ echo "$1"; cat; echo; } >>"$(dirname "$0")/got"; exit 1`)
	helper := filepath.Join(binDir, name)
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte("fallback = \"fake\"\n[aliases]\n\"ecr.example.io\" = \""+host+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := s.ask(helper, "get", "ecr.example.io"); !strings.Contains(out, `"Username":"AWS"`) {
		t.Errorf("the alias gets %s", out)
	}
	for _, server := range vectors(t, "real.tsv", 0) {
		if isOtherRegistry(server) {
			t.Errorf("the store would receive %s", server)
		}
	}
	names := append(vectors(t, "real.tsv", 9), host+".", host+":8443", "http://"+host, "ecr.example.io", "https://ECR.example.io/v2/", "user@"+host, "https://a:b@"+host+":1/x",
		host[:20]+"\n"+host[20:], " "+host, host+"\r", host+"?a", "public.ecr.aws:80", "vpce-0123456789abcdef0-abcdefgh.dkr.ecr.us-east-1.vpce.amazonaws.com")
	for i, server := range names {
		// Get, erase and store find the registry in the same way.
		for _, verb := range [][]string{{"get", "erase"}, {"get", "store"}, {"get"}}[i%3] {
			stdin := server
			if verb == "store" {
				stdin = `{"ServerURL":` + jsonQuote(server) + `,"Username":"AWS","Secret":"x"}`
			}
			s.ask(helper, verb, stdin)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "got")); err == nil {
		t.Errorf("the store received %q", got)
	}
	if s.ask(helper, "get", "quay.io"); !exists(filepath.Join(dir, "got")) {
		t.Error("the store received no request, so this test is not effective")
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestFallbackIsThisProgram(t *testing.T) {
	t.Parallel()
	helper := filepath.Join(binDir, name)
	for what, c := range map[string]struct {
		make func(path, workingDir string) error
		why  string
	}{
		"symlink":   {func(path, _ string) error { return os.Symlink(helper, path) }, "is this program itself"},
		"hard link": {func(path, _ string) error { return os.Link(helper, path) }, "is this program itself"},
		"copy":      {func(path, _ string) error { return copyProgram(path, helper, "") }, "is this program itself"},
		"another version": {func(path, _ string) error { return copyProgram(path, helper, "\x00") },
			"calls this helper for the same request"},
		"script that calls it": {func(path, _ string) error {
			return awstest.WriteProgram(path, []byte("#!/bin/sh\nexec '"+helper+"' \"$@\"\n"))
		}, "calls this helper for the same request"},
		"program in the working directory": {func(_, workingDir string) error {
			return awstest.WriteProgram(filepath.Join(workingDir, "docker-credential-fake"), []byte("#!/bin/sh\necho ran\n"))
		},
			"is not on PATH"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newHome(t)
			dir := s.withStore(t, "")
			path := filepath.Join(dir, "docker-credential-fake")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := c.make(path, s.home.Dir); err != nil {
				t.Skip(err) // the file system does not support hard links
			}
			verbs := []string{"get"} // store and erase find the store in the same way
			if what == "symlink" {
				verbs = []string{"get", "store", "erase", "list"}
			}
			for _, verb := range verbs {
				stdin := "quay.io"
				if verb == "store" {
					stdin = `{"ServerURL":"quay.io","Username":"u","Secret":"x"}`
				}
				out, errs, code := s.ask(helper, verb, stdin, "PATH=:.:"+dir+":"+os.Getenv("PATH"))
				if code != 1 || !strings.Contains(out, c.why) || out != errs || !strings.Contains(out, "; run: docker-credential-ecr-sso configure-docker --all-registries ") {
					t.Errorf("%s: exit status %d, stdout %q, stderr %q", verb, code, out, errs)
				}
			}
		})
	}
}

// copyProgram copies a program and appends some bytes. The kernel copies: the race detector
// would initialize its memory for the whole program. See awstest.WriteProgram for the lock.
func copyProgram(to, from, more string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	_, failed := out.WriteString(more)
	return errors.Join(err, failed, out.Close())
}

// Only the client limits the store's run time: the store ends when the client kills the
// helper.
func TestFallbackHangs(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	dir := s.withStore(t, `echo $$ >"$(dirname "$0")/new"; mv "$(dirname "$0")/new" "$(dirname "$0")/pid"; exec sleep 600`)
	get := s.get("quay.io")
	get.cmd.Env = append(get.cmd.Env, s.env...)
	if err := get.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(dir, "pid")) {
		time.Sleep(time.Millisecond)
	}
	pid, _ := os.ReadFile(filepath.Join(dir, "pid"))
	_ = get.cmd.Process.Kill()
	_ = get.cmd.Wait()
	if exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run() == nil {
		t.Errorf("the store (process %s) is still running", pid)
	}
}

func TestListIsUnion(t *testing.T) {
	t.Parallel()
	helper := filepath.Join(binDir, name)
	s := newHome(t)
	dir := s.withStore(t, `cat "$(dirname "$0")/list"`)
	for what, c := range map[string]struct {
		prints, want string
		code         int
	}{
		"logins":                     {`{"https://index.docker.io/v1/":"me","quay.io":"you"}`, `{"` + host + `":"AWS","https://index.docker.io/v1/":"me","quay.io":"you"}` + "\n", 0},
		"nothing":                    {`{}`, `{"` + host + `":"AWS"}` + "\n", 0},
		"old ECR logins":             {`{"` + host + `":"AWS","http://` + host + `":"AWS","quay.io":"you"}`, `{"` + host + `":"AWS","quay.io":"you"}` + "\n", 0},
		"garbage":                    {`no JSON`, "docker-credential-fake, the fallback store, printed no list of registries; run: docker-credential-fake list\n", 1},
		"null":                       {`null`, "docker-credential-fake, the fallback store, printed no list of registries; run: docker-credential-fake list\n", 1},
		"array instead of an object": {`[1]`, "docker-credential-fake, the fallback store, printed no list of registries; run: docker-credential-fake list\n", 1},
		"list too large":             {`{"quay.io":"` + strings.Repeat("x", 5<<20) + `"}`, "docker-credential-fake, the fallback store, printed no list of registries; run: docker-credential-fake list\n", 1},
		"store fails":                {"", "", 1},
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(dir, "list")
			_ = os.Remove(path)
			if c.prints != "" {
				if err := os.WriteFile(path, []byte(c.prints), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, errs, code := s.ask(helper, "list", "unused")
			if out != c.want || code != c.code || (code == 0) != (errs == "") {
				t.Errorf("stdout %q, stderr %q, exit status %d", out, errs, code)
			}
		})
	}
}

// A store that never stops printing fails the list.
func TestEndlessList(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	s.withStore(t, `exec cat /dev/zero`)
	out, errs, code := s.ask(filepath.Join(binDir, name), "list", "unused")
	if code != 1 || out != errs || !strings.HasPrefix(out, "docker-credential-fake, the fallback store, printed no list of registries; run: ") {
		t.Errorf("exit status %d, stdout %.100q, stderr %q", code, out, errs)
	}
}
