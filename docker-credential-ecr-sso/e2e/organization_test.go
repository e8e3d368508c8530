//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
)

// TestOrganizationWithThreeCommands starts from an empty home directory. Three commands
// set up 200 accounts (1,000 with E2E_ALL, a minute) with 3 roles each, against a portal
// that allows 20 calls a second. The test then gets logins for 50 registries and checks that
// none of the accounts is ambiguous.
func TestOrganizationWithThreeCommands(t *testing.T) {
	const roles, logins = 3, 50
	accounts := 200
	if os.Getenv("E2E_ALL") != "" {
		accounts = 1000
	}
	fake, err := awstest.New(awstest.Options{AutoApprove: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.AddInstance(startURL, region)
	fake.AddOrganization(accounts, "Push", "ReadOnly", "Admin")
	fake.Limit(awstest.Portal, 20, 20, "")
	home := fake.Home(t.TempDir())
	for _, file := range []string{".aws/config", ".docker/config.json"} {
		if _, err := os.Stat(filepath.Join(home.Dir, file)); !os.IsNotExist(err) {
			t.Fatalf("the home directory is not empty: %s: %v", file, err)
		}
	}
	env := append(home.Env(), "PATH="+filepath.Join(shared.dir, "bin")+":/usr/bin:/bin")
	run := func(stdin string, args ...string) string {
		t.Helper()
		return runHelper(t, home.Dir, env, stdin, args...)
	}
	began := time.Now()
	out := run("", "configure", "--all", "--sso-session", session, "--start-url", startURL, "--sso-region", region, "--region", region, "--use-device-code")
	t.Logf("configure --all: %v\n%s", time.Since(began), out)
	if !strings.Contains(out, fmt.Sprint(accounts*roles, " profiles added")) {
		t.Error("not all profiles were added")
	}
	listed := fake.Calls(awstest.Portal)
	if listed < accounts+accounts/100 || listed > 2*accounts {
		t.Errorf("%d calls of the portal", listed)
	}
	run("", "map", "--role", "Push")
	run("", "configure-docker", "--all-registries")
	if n := ambiguousAccounts(t, env, accounts); n > 0 {
		t.Errorf("%d of %d accounts are ambiguous", n, accounts)
	}

	fake.Limit(awstest.Portal, 0, 0, "")
	fake.ResetLog()
	began = time.Now()
	for i := range logins {
		if out := run(awstest.RegistryHost(awstest.OrganizationAccount(i*accounts/logins), region), "get"); !strings.Contains(out, `"Username":"AWS"`) {
			t.Errorf("account %d: no login", i)
		}
	}
	t.Logf("%d logins: %v; the portal was called %d times to list %d accounts and %d roles", logins, time.Since(began), listed, accounts, accounts*roles)
	for op, want := range map[awstest.Op]int{awstest.GetRoleCredentials: logins, awstest.GetAuthorizationToken: logins, awstest.CreateToken: 0, awstest.ListAccountRoles: 0} {
		if got := fake.Calls(op); got != want {
			t.Errorf("%s: %d calls, want %d", op, got, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(home.Dir, ".docker", "config.json")); err != nil || !strings.Contains(string(text), `"credsStore": "ecr-sso"`) {
		t.Errorf("%v\n%s", err, text)
	}
}

// runHelper runs the built helper in a home directory and returns its stdout.
func runHelper(t *testing.T, home string, env []string, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(shared.dir, "bin", "docker-credential-ecr-sso"), args...)
	cmd.Env, cmd.Dir, cmd.Stdin = env, home, strings.NewReader(stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// ambiguousAccounts returns the number of accounts whose registry does not select the role
// Push.
func ambiguousAccounts(t *testing.T, env []string, accounts int) (n int) {
	t.Helper()
	helper := credhelper.New(credhelper.WithEnv(env))
	for i := range accounts {
		x, err := helper.Explain(awstest.RegistryHost(awstest.OrganizationAccount(i), region))
		if err != nil {
			t.Fatal(err)
		}
		if x.Identity == nil || x.Identity.Role != "Push" {
			n++
		}
	}
	return n
}
