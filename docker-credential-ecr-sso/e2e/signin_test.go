//go:build e2e && linux

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// approve approves every pending device code, until the test ends.
func (w *world) approve() {
	done := make(chan struct{})
	w.t.Cleanup(func() { close(done) })
	go func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				w.aws.ApproveDevice("")
			}
		}
	}()
}

// own runs one of our own commands.
func (w *world) own(args ...string) result {
	w.t.Helper()
	return w.ok(filepath.Join(shared.dir, "bin", helper), args...)
}

func TestAWSCLIUsesOurSession(t *testing.T) {
	w := newWorld(t)
	aws := w.awsCLI()
	w.approve()
	r := w.own("login", "--sso-session", session, "--use-device-code")
	if !strings.Contains(r.stdout, "Successfully logged into Start URL: "+startURL) {
		t.Error("the closing line is not the AWS CLI's")
	}
	if r := w.ok(aws, "sts", "get-caller-identity", "--profile", "prod"); !strings.Contains(r.stdout, account) {
		t.Error("not the account")
	}
	w.own("logout")
	if r := w.run("", aws, "sts", "get-caller-identity", "--profile", "prod"); r.code == 0 {
		t.Error("the AWS CLI still works after our logout")
	}
}

func TestWeUseAWSCLIsSession(t *testing.T) {
	w := newWorld(t)
	aws := w.awsCLI()
	w.approve()
	w.ok(aws, "sso", "login", "--profile", "prod", "--no-browser")
	w.password()
	r := w.own("login", "--if-needed", "--profile", "prod")
	if !strings.HasPrefix(r.stdout, "Already logged into Start URL: "+startURL) {
		t.Error("the AWS CLI's session is not reported as live")
	}
}

// The AWS CLI can use the profile and session that configure writes.
func TestAWSCLIUsesOurProfile(t *testing.T) {
	w := newWorld(t)
	aws := w.awsCLI()
	w.write(".aws/config", "# mine\n")
	w.approve()
	w.own("configure", "--sso-session", "new", "--start-url", startURL, "--sso-region", region, "--registration-scopes", "sso:account:access",
		"--account-id", account, "--role-name", role, "--region", region, "--output", "json", "--profile", "made by us", "--use-device-code")
	if r := w.ok(aws, "sts", "get-caller-identity", "--profile", "made by us"); !strings.Contains(r.stdout, account) {
		t.Error("not the account")
	}
	w.password()
}
