//go:build unix

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ordinary transfers the home directory to an unprivileged user, because root ignores file
// modes. It returns a function that makes a command run as that user.
func ordinary(t *testing.T, s *stage) func(cmd *exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		return func(*exec.Cmd) {}
	}
	open := []string{filepath.Dir(s.home.Dir), binDir}
	for _, kv := range s.env {
		if path, ok := strings.CutPrefix(kv, "SSL_CERT_FILE="); ok {
			open = append(open, path, filepath.Dir(path))
		}
	}
	for _, path := range open {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	theirs(t, s)
	return func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUser, Gid: otherUser}}
	}
}

// getAs runs a get with the home directory.
func getAs(s *stage, as func(*exec.Cmd), extra ...string) (string, error) {
	get := s.get(host)
	get.cmd.Env = append(append([]string{}, s.env...), extra...)
	as(get.cmd)
	err := get.cmd.Run()
	return get.stdout.String(), err
}

func TestUnreadableFilesDoNotStopKeys(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	as := ordinary(t, s)
	keys := s.aws.AddKeys("123456789012")
	env := []string{"AWS_ACCESS_KEY_ID=" + keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + keys.SecretAccessKey}
	for _, path := range []string{s.home.ConfigPath(), filepath.Dir(s.home.ConfigPath()), s.home.Dir + "/.config"} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		if out, err := getAs(s, as, env...); err != nil {
			t.Errorf("%s closed: keys: %s", path, out)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	// The profile needs the file. The error contains the file name and the command that
	// makes it readable.
	if err := os.Chmod(s.home.ConfigPath(), 0); err != nil {
		t.Fatal(err)
	}
	out, err := getAs(s, as)
	if want := "permission denied: " + s.home.ConfigPath() + " has mode 0000; run: chmod u+rw "; err == nil || !strings.Contains(out, want) {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
	repaired(t, s, as, out)
}

// repaired runs the command in an error line. After that, a get must succeed.
func repaired(t *testing.T, s *stage, as func(*exec.Cmd), line string) {
	t.Helper()
	_, command, _ := strings.Cut(strings.TrimSpace(line), "; run: ")
	sh := exec.Command("sh", "-c", strings.TrimPrefix(command, "sudo "))
	if !strings.HasPrefix(command, "sudo ") {
		as(sh)
	}
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	if out, err := getAs(s, as); err != nil {
		t.Errorf("after %q: %s", command, out)
	}
}

// If a session must be refreshed but its token file cannot be replaced, the error contains
// the real cause and a command that fixes it.
func TestTokenFileNotReplaceable(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		spoil func(cache, token string) error
		want  string
		root  bool
	}{
		"read-only directory": {func(cache, _ string) error { return os.Chmod(cache, 0o500) },
			`^SSO session "corp" must be refreshed, but its token file cannot be written: .*permission denied: \S*/sso/cache has mode 0500; run: chmod u\+rwx \S+\n$`, false},
		"directory owned by root": {func(cache, _ string) error { return os.Chown(cache, 0, 0) },
			`cannot be written: .*permission denied: \S*/sso/cache belongs to user 0; run: sudo chown -R 12345 \S+\n$`, true},
		"file owned by root": {func(_, token string) error { return os.Chown(token, 0, 0) },
			`^SSO token of session "corp" cannot be read: .*permission denied: \S*\.json belongs to user 0; run: sudo chown 12345 \S+\n$`, true},
		"unreadable file": {func(_, token string) error { return os.Chmod(token, 0o200) },
			`cannot be read: .* has mode 0200; run: chmod u\+rw \S+\n$`, false},
	} {
		t.Run(what, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("only root can change file owners")
			}
			s := newHome(t)
			token := s.aws.SignIn(startURL, region, true)
			token.ExpiresAt = time.Now().Add(-time.Hour)
			path := s.home.WriteToken("corp", token)
			as := ordinary(t, s)
			if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(filepath.Dir(path), path); err != nil {
				t.Fatal(err)
			}
			out, err := getAs(s, as)
			if err == nil || !regexp.MustCompile(c.want).MatchString(out) {
				t.Fatalf("%v: %s", err, out)
			}
			repaired(t, s, as, out)
		})
	}
}
