//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// debian lists the directories of the distribution's programs. The tests use these
// programs, even if the machine's PATH contains different versions.
var debian = []string{"/usr/bin", "/usr/sbin"}

// find returns the path of a program from the distribution, or skips the test.
func find(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range debian {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	skip(t, "no "+name+" here: apt-get install "+pkg)
	return ""
}

// skip skips the test. If E2E_NO_SKIP is set, the test fails instead, because in CI a
// skipped test must not look like a passed one.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("E2E_NO_SKIP") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// world is the home of one test. It has a profile "prod" with the session "corp", and the
// registry is in credHelpers.
type world struct {
	t    *testing.T
	aws  *awstest.AWS
	home *awstest.Home
	env  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "h")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, aws: shared.aws, home: shared.aws.Home(dir)}
	w.env = append(w.home.Env(),
		"PATH="+filepath.Join(shared.dir, "bin")+":"+strings.Join(debian, ":")+":/bin:/sbin",
		"AWS_CA_BUNDLE="+w.aws.CAFile(), "AWS_PAGER=", "XDG_RUNTIME_DIR="+filepath.Join(dir, "tmp"))
	w.home.SSOProfile("prod", session, startURL, region, account, role)
	w.write(".docker/config.json", `{"credHelpers":{"`+registry+`":"ecr-sso"}}`)
	w.aws.ResetLog()
	t.Cleanup(w.aws.ClearFaults)
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.home.Dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// signIn saves a new session, as `aws sso login` does.
func (w *world) signIn() awstest.SSOToken {
	token := w.aws.SignIn(startURL, region, true)
	w.home.WriteToken(session, token)
	return token
}

// keepExpired saves a token that expired the duration ago before now. It can be
// refreshed if refreshable is set.
func (w *world) keepExpired(ago time.Duration, refreshable bool) awstest.SSOToken {
	token := w.aws.SignIn(startURL, region, refreshable)
	token.ExpiresAt = time.Now().Add(-ago).Truncate(time.Second)
	w.home.WriteToken(session, token)
	return token
}

// result is the output and exit status of a command.
type result struct {
	stdout, stderr, both string
	code                 int
}

// run runs a command in this home without a terminal. It logs the command and its
// user-visible output.
func (w *world) run(stdin, name string, args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	both := &transcript{}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = w.env, w.home.Dir, strings.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, both), io.MultiWriter(&stderr, both)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no /dev/tty, so there is no user to sign in
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		w.t.Fatalf("%s: %v", name, err)
	}
	r := result{stdout.String(), stderr.String(), both.String(), cmd.ProcessState.ExitCode()}
	w.t.Logf("$ %s %s\n%s(exit status %d)", filepath.Base(name), w.redact(strings.Join(args, " ")), w.redact(r.both), r.code)
	return r
}

// ok runs a command that must succeed.
func (w *world) ok(name string, args ...string) result {
	w.t.Helper()
	r := w.run("", name, args...)
	if r.code != 0 {
		w.t.Fatalf("%s %s: exit status %d", filepath.Base(name), strings.Join(args, " "), r.code)
	}
	return r
}

// redact removes secrets to make a transcript safe to share.
func (w *world) redact(text string) string {
	for _, secret := range w.aws.Secrets() {
		if len(secret) > 8 {
			text = strings.ReplaceAll(text, secret, "[secret]")
		}
	}
	return text
}

// transcript collects two streams in the order of their writes.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *transcript) String() string { return t.b.String() }

// helper runs the built helper with one verb, like Docker.
func (w *world) helper(verb, stdin string) result {
	w.t.Helper()
	return w.run(stdin, filepath.Join(shared.dir, "bin", helper), verb)
}

// password returns the password that `get` prints for the registry.
func (w *world) password() string {
	w.t.Helper()
	r := w.helper("get", registry)
	var answer struct{ Username, Secret string }
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil || r.code != 0 {
		w.t.Fatalf("get: exit status %d, %v", r.code, err)
	}
	if answer.Username != "AWS" || r.stderr != "" {
		w.t.Errorf("get: user %q, stderr %q", answer.Username, r.stderr)
	}
	return answer.Secret
}

// calls checks the number of calls of each operation since the last check.
func (w *world) calls(want map[awstest.Op]int) {
	w.t.Helper()
	for op, n := range want {
		if got := w.aws.Calls(op); got != n {
			w.t.Errorf("%s was called %d times, want %d", op, got, n)
		}
	}
	w.aws.ResetLog()
}

// quiet expects a run without AWS calls. Registry calls are not checked.
var quiet = map[awstest.Op]int{awstest.OIDC: 0, awstest.Portal: 0, awstest.ECR: 0, awstest.STS: 0}
