//go:build unix

package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// These tests cover a process's environment: streams, signals and locks.

// newHome returns a fake AWS and a signed-in home directory, without a script.
func newHome(t *testing.T) *stage {
	t.Helper()
	fake, err := awstest.New(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.AddAccount("123456789012", "Production", "prod@example.com", "Push")
	s := &stage{aws: fake, home: fake.Home(t.TempDir())}
	s.home.SSOProfile("prod", "corp", startURL, region, "123456789012", "Push")
	s.home.WriteToken("corp", fake.SignIn(startURL, region, true))
	s.env = s.environment()
	return s
}

// writeSettings writes the settings file with an old modification time, because early
// answers depend on it.
func (s *stage) writeSettings(text string) error {
	path := filepath.Join(s.home.Dir, ".config", name, "config.toml")
	old := time.Now().Add(-time.Hour)
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, old, old))
}

func TestWriteErrorIsFailure(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full")
	}
	defer full.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	for name, out := range map[string]*os.File{"full device": full, "pipe without a reader": w} {
		get := s.get(host)
		get.cmd.Stdout = out
		if err := get.cmd.Run(); err == nil {
			t.Errorf("%s: exit status 0", name)
		}
	}
	// The shell closes stdout. Go would open the null device instead.
	sh := exec.Command("sh", "-c", "echo "+host+" | "+filepath.Join(binDir, name)+" get >&-")
	sh.Env = s.env
	out, err := sh.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "stdout: file already closed") {
		t.Errorf("closed stdout: %v, %s", err, out)
	}
	// If the caller intentionally discards the output, the exit status is 0.
	sh = exec.Command("sh", "-c", "echo "+host+" | "+filepath.Join(binDir, name)+" get >/dev/null")
	sh.Env = s.env
	if out, err := sh.CombinedOutput(); err != nil {
		t.Errorf("stdout to /dev/null: %v, %s", err, out)
	}
}

func TestSignalEndsGet(t *testing.T) {
	t.Parallel()
	for sig, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		if signal.Ignored(sig) {
			continue // child processes also ignore signals that the test process ignores (nohup)
		}
		s := newHome(t)
		s.aws.Fail(awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.Hang})
		get := s.get(host)
		if err := get.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for s.aws.Calls(awstest.GetRoleCredentials) == 0 {
			time.Sleep(time.Millisecond)
		}
		_ = get.cmd.Process.Signal(sig)
		_ = get.cmd.Wait()
		// If the call had reached its own time limit, the status would be different.
		if code := get.cmd.ProcessState.ExitCode(); code != status {
			t.Errorf("%v: exit status %d, %s", sig, code, get.stderr.String())
		}
		if lines := bytes.Count(get.stdout.Bytes(), []byte("\n")); lines != 1 {
			t.Errorf("%v: stdout %q", sig, get.stdout.String())
		}
		left, _ := filepath.Glob(filepath.Join(s.home.Dir, ".aws", "*", "cache", ".tmp-*"))
		if len(left) > 0 {
			t.Errorf("%v: leftover files: %v", sig, left)
		}
	}
}

// A keychain that waits for user input does not delay a signal.
func TestSignalEndsKeychainCall(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	dir := t.TempDir()
	settings := filepath.Join(dir, "config.toml")
	fake := filepath.Join(dir, "docker-credential-fake")
	started := filepath.Join(dir, "started")
	text := "#!/bin/sh\necho $$ >" + started + ".new; mv " + started + ".new " + started + "; exec sleep 60\n"
	if err := errors.Join(awstest.WriteProgram(fake, []byte(text)),
		os.WriteFile(settings, []byte("cache = \"keychain\"\nkeychain = \"fake\"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	get := s.get(host)
	get.cmd.Env = append(get.cmd.Env, "ECR_SSO_CONFIG="+settings, "PATH="+dir+":/usr/bin:/bin")
	if err := get.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid []byte
	for len(pid) == 0 {
		time.Sleep(time.Millisecond)
		pid, _ = os.ReadFile(started)
	}
	sent := time.Now()
	_ = get.cmd.Process.Signal(syscall.SIGINT)
	_ = get.cmd.Wait()
	if code := get.cmd.ProcessState.ExitCode(); code != 130 || time.Since(sent) > 30*time.Second || get.stderr.Len() > 0 {
		t.Errorf("exit status %d after %v, stderr %q", code, time.Since(sent), get.stderr.String())
	}
	if exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run() == nil {
		t.Error("the keychain program is still running")
	}
}

func TestLogErrorsAreNotFatal(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	log := filepath.Join(t.TempDir(), "log")
	get := s.get(host)
	get.cmd.Env = append(get.cmd.Env, "ECR_SSO_LOG="+log)
	if err := get.cmd.Run(); err != nil {
		t.Fatal(err, get.stderr.String())
	}
	info, err := os.Stat(log)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
		t.Fatalf("log: %v, %v", info, err)
	}
	if data, _ := os.ReadFile(log); s.leaks(string(data)) {
		t.Error("the log contains a secret")
	}
	// Links are not followed. A log that cannot be opened is reported but does not fail the
	// command.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(log, link); err != nil {
		t.Fatal(err)
	}
	get = s.get(host)
	get.cmd.Env = append(get.cmd.Env, "ECR_SSO_LOG="+link)
	if err := get.cmd.Run(); err != nil || !strings.HasPrefix(get.stderr.String(), "no log: ECR_SSO_LOG: ") {
		t.Errorf("%v, stderr %q", err, get.stderr.String())
	}
}

// The process that holds the lock is suspended. The other processes wait for a limited time
// and then continue without the lock.
func TestWaitForStoppedLockHolderIsLimited(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	s.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Hang, Times: 1})
	holder := s.get(host)
	if err := holder.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.cmd.Wait() }()
	defer func() { _ = holder.cmd.Process.Kill() }()
	for s.aws.Calls(awstest.GetAuthorizationToken) == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = holder.cmd.Process.Signal(syscall.SIGSTOP)
	other := s.get(host)
	if err := other.cmd.Run(); err != nil {
		t.Fatalf("%v, %s", err, other.stderr.String())
	}
}

// The memory of a get contains secrets, so a crash must not write a core file.
func TestCrashWritesNoCore(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	s := newHome(t)
	s.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Hang})
	get := s.get(host)
	get.cmd.Env = append(get.cmd.Env, "GOTRACEBACK=crash")
	if err := get.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for s.aws.Calls(awstest.GetAuthorizationToken) == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = get.cmd.Process.Signal(syscall.SIGABRT)
	_ = get.cmd.Wait()
	if status := get.cmd.ProcessState.Sys().(syscall.WaitStatus); status.CoreDump() {
		t.Error("a core file was written")
	}
	if s.leaks(get.stderr.String()) {
		t.Error("the trace contains a secret")
	}
}

// Root gets a login in another user's home directory but writes no files there.
func TestRootWritesNothingInAnotherHome(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	s := newHome(t)
	theirs(t, s)
	get := s.get(host)
	if err := get.cmd.Run(); err != nil {
		t.Fatal(err, get.stderr.String())
	}
	_ = filepath.WalkDir(s.home.Dir, func(path string, d os.DirEntry, _ error) error {
		if info, err := d.Info(); err == nil && info.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("%s is owned by root", path)
		}
		return nil
	})
}

// A killed refresh leaves a temporary file with secrets. A later run removes it once it is
// more than an hour old.
func TestOldTemporaryFilesAreRemoved(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	orphan := filepath.Join(filepath.Dir(s.home.TokenPath("corp")), ".tmp-docker-credential-ecr-sso-0123456789abcdef")
	if err := os.WriteFile(orphan, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(orphan, old, old); err != nil {
		t.Fatal(err)
	}
	logout := s.get("")
	logout.cmd.Args = []string{name, "logout"}
	if err := logout.cmd.Run(); err != nil {
		t.Fatal(err, logout.stderr.String())
	}
	if _, err := os.Stat(orphan); err == nil {
		t.Error("the temporary file still exists")
	}
}

// During the ECR call of a get, the role credentials are cached and the role's lock is
// released, so a get for another registry with the same role does not wait.
func TestRoleLockIsFreeDuringECRCall(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	s.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Hang, Times: 1})
	slow := s.get(host)
	if err := slow.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = slow.cmd.Process.Kill(), slow.cmd.Wait() }()
	for end := time.Now().Add(eventTimeout); s.aws.Calls(awstest.GetAuthorizationToken) == 0; {
		if time.Now().After(end) {
			t.Fatal("ECR was not called")
		}
		time.Sleep(time.Millisecond)
	}
	other := s.get("123456789012.dkr.ecr.eu-west-1.amazonaws.com")
	other.cmd.Env = append(other.cmd.Env, "AWS_PROFILE=prod")
	start := time.Now()
	if err := other.cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, other.stderr.String())
	}
	if took := time.Since(start); took > 11*time.Second { // a get waits 12 s for the lock of a role
		t.Errorf("get for the other registry took %v", took)
	}
	if n := s.aws.Calls(awstest.GetRoleCredentials); n != 1 {
		t.Errorf("%d portal calls, want 1", n)
	}
}
