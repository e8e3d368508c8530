//go:build unix

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// What a get that has to ask AWS must not spend its time on.

// What a get keeps can be fetched again; syncing it took 5 to 20 ms of a cold get.
func TestAColdGetDoesNotWaitForTheDisk(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace here")
	}
	s := newHome(t)
	trace := filepath.Join(t.TempDir(), "trace")
	get := s.get(host)
	get.cmd.Path = strace
	get.cmd.Args = []string{strace, "-f", "-o", trace, "-e", "trace=desc", filepath.Join(binDir, name), "get"}
	if err := get.cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, get.stderr.String())
	}
	seen, err := os.ReadFile(trace)
	if err != nil || !strings.Contains(string(seen), "fchmod(") {
		t.Skipf("strace cannot trace here: %v", err)
	}
	for line := range strings.Lines(string(seen)) {
		if strings.Contains(line, "sync(") {
			t.Error(line)
		}
	}
}

// The lock of a role is free while ECR is asked, and its credentials are there:
// another registry of the same role waits for nothing.
func TestARoleIsFreeWhileECRIsAsked(t *testing.T) {
	s := newHome(t)
	s.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Hang, Times: 1})
	slow := s.get(host)
	if err := slow.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = slow.cmd.Process.Kill(), slow.cmd.Wait() }()
	for end := time.Now().Add(20 * time.Second); s.aws.Calls(awstest.GetAuthorizationToken) == 0; {
		if time.Now().After(end) {
			t.Fatal("ECR is not asked")
		}
		time.Sleep(time.Millisecond)
	}
	other := s.get("123456789012.dkr.ecr.eu-west-1.amazonaws.com")
	other.cmd.Env = append(other.cmd.Env, "AWS_PROFILE=prod")
	start := time.Now()
	if err := other.cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, other.stderr.String())
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the other registry took %v", took)
	}
	if n := s.aws.Calls(awstest.GetRoleCredentials); n != 1 {
		t.Errorf("%d calls of the portal, want 1", n)
	}
}
