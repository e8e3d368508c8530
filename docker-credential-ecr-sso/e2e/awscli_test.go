//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// awsCLI returns Debian's AWS CLI. That version does not support endpoint variables but
// uses the proxy and the CA from the environment.
func (w *world) awsCLI() string {
	w.t.Helper()
	path := find(w.t, "aws", "awscli")
	w.ok(path, "--version")
	return path
}

// tokenFile returns the session's token as the AWS CLI reads it.
func (w *world) tokenFile() map[string]any {
	w.t.Helper()
	data, err := os.ReadFile(w.home.TokenPath(session))
	if err != nil {
		w.t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		w.t.Fatal(err)
	}
	return m
}

func TestAWSCLIUsesTokenThatWeRefreshed(t *testing.T) {
	w := newWorld(t)
	aws := w.awsCLI()
	old := w.keepExpired(time.Minute, true)
	before := w.tokenFile()
	w.password()
	w.calls(map[awstest.Op]int{awstest.CreateToken: 1, awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})

	after := w.tokenFile()
	if after["accessToken"] == old.AccessToken || after["refreshToken"] == old.RefreshToken {
		t.Error("the file has the old tokens")
	}
	for _, key := range []string{"startUrl", "region", "clientId", "clientSecret", "registrationExpiresAt"} {
		if diff := cmp.Diff(before[key], after[key]); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	r := w.ok(aws, "sts", "get-caller-identity", "--profile", "prod")
	if !strings.Contains(r.stdout, account) {
		t.Error("not the account")
	}
	// The AWS CLI finds our role credentials in its cache.
	w.calls(map[awstest.Op]int{awstest.CreateToken: 0, awstest.GetRoleCredentials: 0, awstest.GetCallerIdentity: 1})

	// Without cached role credentials, it calls the portal with our access token.
	w.dropRoleCache()
	w.ok(aws, "ecr", "get-login-password", "--profile", "prod")
	w.calls(map[awstest.Op]int{awstest.CreateToken: 0, awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
}

func TestWeUseTokenThatAWSCLIRefreshed(t *testing.T) {
	w := newWorld(t)
	aws := w.awsCLI()
	w.keepExpired(time.Minute, true)
	w.ok(aws, "sts", "get-caller-identity", "--profile", "prod")
	w.calls(map[awstest.Op]int{awstest.CreateToken: 1, awstest.GetRoleCredentials: 1})
	w.dropRoleCache()
	w.password()
	w.calls(map[awstest.Op]int{awstest.CreateToken: 0, awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
}

func TestWeUseAWSCLIsRoleCredentials(t *testing.T) {
	w := newWorld(t)
	aws := w.awsCLI()
	w.signIn()
	w.ok(aws, "sts", "get-caller-identity", "--profile", "prod")
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1})
	w.password()
	w.calls(map[awstest.Op]int{awstest.Portal: 0, awstest.OIDC: 0, awstest.GetAuthorizationToken: 1})
}

func TestAWSCLILogoutInvalidatesLogins(t *testing.T) {
	w := newWorld(t)
	aws := w.awsCLI()
	w.signIn()
	w.password()
	w.password()
	w.ok(aws, "sso", "logout")
	w.aws.ResetLog()
	r := w.helper("get", registry)
	if r.code != 1 {
		t.Errorf("exit status %d", r.code)
	}
	wantLine(t, r.stderr, `not signed in to SSO session "corp"; run: docker-credential-ecr-sso login`)
	w.calls(quiet)
}

func TestDockerLoginWithAWSCLIsPassword(t *testing.T) {
	w := newWorld(t)
	docker, aws := w.docker(), w.awsCLI()
	w.signIn()
	password := strings.TrimSpace(w.ok(aws, "ecr", "get-login-password", "--profile", "prod").stdout)
	r := w.run(password, docker, "login", "-u", "AWS", "--password-stdin", registry)
	if r.code != 0 {
		t.Fatal("login failed")
	}
	w.aws.ResetLog()
	if w.password() != password {
		t.Error("get returns a different token")
	}
	w.calls(quiet)
}

// dropRoleCache removes the role credentials that both programs cached.
func (w *world) dropRoleCache() {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.home.Dir, ".aws", "cli", "cache")); err != nil {
		w.t.Fatal(err)
	}
}
