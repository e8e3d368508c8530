//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// pushFailures are the test cases of TestDockerPushShowsWhyItFails.
var pushFailures = []struct {
	name string
	set  func(w *world)
	says string // part of the helper's line; other tests check its exact text
	next string // the command at the end of the line, without the program's name
}{
	{"never signed in", func(*world) {}, `not signed in to SSO session "corp"`, "login --sso-session corp"},
	{
		"a session that expired and cannot be refreshed",
		func(w *world) { w.keepExpired(2*time.Hour, false) }, `SSO session "corp" expired`, "login --sso-session corp",
	},
	{
		"a refresh that is refused",
		func(w *world) { w.keepExpired(time.Minute, true); w.aws.ExpireSession() }, `SSO session "corp" `, "login --sso-session corp",
	},
	{
		"a session that was revoked",
		func(w *world) { w.saveUnrefreshable(); w.aws.RevokeSession() }, `SSO session "corp" `, "login --sso-session corp",
	},
	{
		"a role that is not assigned",
		func(w *world) { w.signIn(); w.aws.DenyRole(account, role) }, `role "Push" in account 123456789012`, "configure",
	},
	{
		"a session section that is missing",
		func(w *world) {
			w.home.WriteConfig("[profile prod]\nsso_session = gone\nsso_account_id = " + account + "\nsso_role_name = Push\n")
			w.env = append(w.env, "AWS_PROFILE=prod")
		}, `profile "prod"`, "configure",
	},
	{
		"no profile for the account",
		func(w *world) {
			w.home.WriteConfig("")
			w.home.SSOProfile("dev", session, startURL, region, other, role)
		}, "no profile and no credentials for account 123456789012", "map " + registry + " dev",
	},
	{
		"several profiles for the account",
		func(w *world) { w.home.SSOProfile("prod2", session, startURL, region, account, "Read") },
		"account 123456789012 matches profiles", "map " + registry,
	},
	{"ECR denies the call", func(w *world) { w.signIn(); w.aws.DenyECR(account) }, `role "Push" in account 123456789012 is not allowed to call`, "doctor " + registry},
	{"ECR is throttled", func(w *world) { w.signIn(); w.fail(awstest.ECR, awstest.Throttle) }, "throttl", "doctor " + registry},
	{
		"the portal is broken",
		func(w *world) { w.signIn(); w.aws.Fail(awstest.Portal, awstest.Fault{Status: 503}) },
		"portal.sso.us-east-1.amazonaws.com", "doctor " + registry,
	},
	{"network is down", func(w *world) { w.signIn(); w.fail(awstest.Any, awstest.Down) }, "proxy", "doctor " + registry},
	{"certificate of an unknown authority", func(w *world) { w.signIn(); w.fail(awstest.Portal, awstest.WrongCA) }, "the certificate of portal.sso.us-east-1.amazonaws.com", "doctor " + registry},
	{
		"a captive portal",
		func(w *world) { w.signIn(); w.fail(awstest.Portal, awstest.HTML) },
		"captive portal", "doctor " + registry,
	},
	{"broken JSON", func(w *world) { w.signIn(); w.fail(awstest.ECR, awstest.Garbage) }, "api.ecr.us-east-1.amazonaws.com returned a response that cannot be read", "doctor " + registry},
	{"empty answer", func(w *world) { w.signIn(); w.fail(awstest.ECR, awstest.EmptyObject) }, "api.ecr.us-east-1.amazonaws.com returned an empty response", "doctor " + registry},
}

// TestDockerPushShowsWhyItFails checks the output of a real docker push for each cause.
// The engine later prints "no basic auth credentials", which does not show the cause. The
// helper's line contains the command that fixes the problem.
func TestDockerPushShowsWhyItFails(t *testing.T) {
	for _, tt := range pushFailures {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			docker := w.docker()
			ref := repo("v1")
			w.load(docker, ref)
			tt.set(w)
			r := w.run("", docker, "push", ref)
			if r.code == 0 {
				t.Error("the push succeeded")
			}
			line := wantLine(t, r.stderr, tt.says)
			if _, next, ok := strings.Cut(line, "; run: "+helper+" "); tt.next != "" && (!ok || !strings.HasPrefix(next, tt.next)) {
				t.Errorf("the line does not end with %q: %s", tt.next, line)
			}
			w.noSecrets(r.both)
			w.ok(docker, "rmi", ref)
		})
	}
}

func (w *world) fail(op awstest.Op, kind awstest.Kind) { w.aws.Fail(op, awstest.Fault{Kind: kind}) }

// saveUnrefreshable saves a valid session that cannot be refreshed.
func (w *world) saveUnrefreshable() {
	w.home.WriteToken(session, w.aws.SignIn(startURL, region, false))
}

// noSecrets checks that text contains no secrets issued by the fake AWS.
func (w *world) noSecrets(text string) {
	w.t.Helper()
	if w.redact(text) != text {
		w.t.Error("the output contains a secret")
	}
}

// wantLine returns the helper's line that contains says. It must be a complete line of
// stderr that ends with a command.
func wantLine(t *testing.T, stderr, says string) string {
	t.Helper()
	for line := range strings.Lines(stderr) {
		line = strings.TrimRight(line, "\r\n")
		if strings.Contains(line, "; run: ") && strings.Contains(line, says) && !strings.HasPrefix(line, "time=") {
			return line
		}
	}
	t.Errorf("%q not found on stderr:\n%s", says, stderr)
	return ""
}
