package credhelper_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
)

const (
	host     = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	startURL = "https://corp.awsapps.com/start"
	region   = "us-east-1"
)

// world is a fake AWS and a home directory with a shared clock.
type world struct {
	aws  *awstest.AWS
	home *awstest.Home
	skip atomic.Int64 // nanoseconds added to real time
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.skip.Load())) }

func (w *world) pass(d time.Duration) { w.skip.Add(int64(d)) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	fake, err := awstest.New(awstest.Options{Clock: w.now, SignatureClock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.AddAccount("123456789012", "Production", "prod@example.com", "Push")
	w.aws, w.home = fake, fake.Home(t.TempDir())
	w.home.SSOProfile("prod", "corp", startURL, region, "123456789012", "Push")
	return w
}

// helper returns a Helper like that of a new process: it reads all files again.
func (w *world) helper() *credhelper.Helper {
	return credhelper.New(credhelper.WithEnv(w.home.Env()), credhelper.WithClock(w.now),
		credhelper.WithTransport(w.aws.Transport()))
}

func (w *world) calls() [3]int {
	c := [3]int{w.aws.Calls(awstest.CreateToken), w.aws.Calls(awstest.GetRoleCredentials), w.aws.Calls(awstest.GetAuthorizationToken)}
	w.aws.ResetLog()
	return c
}

// TestSessionLifecycle follows a session from before the sign-in until after its end. Each
// step continues from the state of the previous one.
func TestSessionLifecycle(t *testing.T) {
	w := newWorld(t)
	var former string
	for _, step := range []struct {
		name  string
		do    func()
		calls [3]int // CreateToken, GetRoleCredentials, GetAuthorizationToken
		fresh bool   // differs from the login of the previous step
		err   error
		text  string
	}{
		{name: "not signed in", err: credhelper.ErrNotSignedIn, text: "login --sso-session corp"},
		{name: "signed in", do: func() { w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true)) }, calls: [3]int{0, 1, 1}, fresh: true},
		{name: "warm", calls: [3]int{}},
		{name: "the SSO token has expired but not the login", do: func() { w.pass(2 * time.Hour) }, calls: [3]int{}},
		{name: "login is about to expire too", do: func() { w.pass(9*time.Hour + 51*time.Minute) }, calls: [3]int{1, 0, 0}, err: credhelper.ErrSessionExpired, text: "has expired"},
		{name: "signed in again", do: func() { w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true)) }, calls: [3]int{0, 1, 1}, fresh: true},
		{name: "erased, role credentials still valid", do: func() { _ = w.helper().Delete(host) }, calls: [3]int{0, 0, 1}, fresh: true},
		{name: "one hour later, erased: refreshed", do: func() { w.pass(58 * time.Minute); _ = w.helper().Delete(host) }, calls: [3]int{1, 1, 1}, fresh: true},
		{name: "portal rejects the token once: refreshed", do: func() {
			w.aws.RevokeSession()
			w.pass(46 * time.Minute) // role credentials have less than 15 minutes left
			_ = w.helper().Delete(host)
		}, calls: [3]int{1, 2, 1}, fresh: true},
		{name: "signed out", do: func() { _ = os.Remove(w.home.TokenPath("corp")) }, err: credhelper.ErrNotSignedIn, text: "login"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.do != nil {
				step.do()
			}
			user, password, err := w.helper().Get(host)
			if !errors.Is(err, step.err) || (err == nil) != (step.err == nil) || err != nil && !strings.Contains(err.Error(), step.text) {
				t.Fatalf("err = %v, want %v with %q", err, step.err, step.text)
			}
			calls := w.calls()
			if step.err == nil && (user != "AWS" || password == "" || (password != former) != step.fresh) {
				t.Errorf("user %q, new login: %v", user, password != former)
			}
			if calls != step.calls {
				t.Errorf("calls = %v, want %v", calls, step.calls)
			}
			former = password
		})
	}
}

// duringECR is a transport that runs a function during the ECR call.
type duringECR struct {
	http.RoundTripper
	do func()
}

func (d duringECR) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Host, "api.ecr.") {
		d.do()
	}
	return d.RoundTripper.RoundTrip(r)
}

// A sign-out during a get cannot erase a login that is not cached yet. The get must not
// leave its login in the cache, or the next user who signs in would get it.
func TestLogoutDuringGetLeavesNoLogin(t *testing.T) {
	w := newWorld(t)
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	kept := func(dir string) []string {
		files, _ := filepath.Glob(filepath.Join(w.home.Dir, dir, "*.json"))
		return files
	}
	logout := func() { // first the token, then everything derived from it
		_ = os.Remove(w.home.TokenPath("corp"))
		for _, file := range kept(".aws/cli/cache") {
			_ = os.Remove(file)
		}
	}
	helper := credhelper.New(credhelper.WithEnv(w.home.Env()), credhelper.WithClock(w.now),
		credhelper.WithTransport(duringECR{w.aws.Transport(), logout}))
	if _, _, err := helper.Get(host); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{".cache/docker-credential-ecr-sso", ".aws/cli/cache"} {
		if files := kept(dir); len(files) != 0 {
			t.Errorf("leftover files: %v", files)
		}
	}
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	w.calls()
	if _, _, err := w.helper().Get(host); err != nil || w.calls() != [3]int{0, 1, 1} {
		t.Errorf("after the next sign-in: %v", err)
	}
}

// afterPortal is a transport that runs a function between the portal's response and its use.
type afterPortal struct {
	http.RoundTripper
	do func()
}

func (a afterPortal) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(r)
	if strings.HasPrefix(r.URL.Host, "portal.sso.") {
		a.do()
	}
	return resp, err
}

// A sign-out or a sign-in during the portal call cannot remove role credentials that are not
// in their file yet. The get must not write them: the AWS CLI would use them for the next
// user, and they would remain on disk after the sign-out.
func TestSessionChangeDuringGetLeavesNoRole(t *testing.T) {
	for name, change := range map[string]func(*world){
		"sign-out": func(w *world) { _ = os.Remove(w.home.TokenPath("corp")) },
		"sign-in as another user": func(w *world) {
			w.aws.SetUser("other")
			w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
		},
		"sign-in without a refresh token": func(w *world) { w.home.WriteToken("corp", w.aws.SignIn(startURL, region, false)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
			helper := credhelper.New(credhelper.WithEnv(w.home.Env()), credhelper.WithClock(w.now),
				credhelper.WithTransport(afterPortal{w.aws.Transport(), func() { change(w) }}))
			if _, _, err := helper.Get(host); err != nil {
				t.Fatal(err)
			}
			if files, _ := filepath.Glob(filepath.Join(w.home.Dir, ".aws/cli/cache", "*.json")); len(files) != 0 {
				t.Errorf("leftover files: %v", files)
			}
			w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
			w.calls()
			if _, _, err := w.helper().Get(host); err != nil || w.calls() != [3]int{0, 1, 1} {
				t.Errorf("after the next sign-in: %v", err)
			}
		})
	}
}

// The same for an `aws login` session, which `aws logout` ends by removing its file.
func TestAWSLogoutDuringGetLeavesNoLogin(t *testing.T) {
	w := newWorld(t)
	file := w.home.ConsoleLogin(w.aws, "dev", "210987654321", region, 15*time.Minute)
	logout := func() { _ = os.Remove(file) }
	helper := credhelper.New(credhelper.WithEnv(w.home.Env()), credhelper.WithClock(w.now),
		credhelper.WithTransport(duringECR{w.aws.Transport(), logout}))
	if _, _, err := helper.Get("210987654321.dkr.ecr.us-east-1.amazonaws.com"); err != nil {
		t.Fatal(err)
	}
	if cached, _ := filepath.Glob(filepath.Join(w.home.Dir, ".cache/docker-credential-ecr-sso", "*.json")); len(cached) != 0 {
		t.Errorf("cached logins: %v", cached)
	}
}

func TestErrorsWrapSentinels(t *testing.T) {
	w := newWorld(t)
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	w.aws.DenyRole("123456789012", "Push")
	if _, _, err := w.helper().Get(host); !errors.Is(err, credhelper.ErrNotAssigned) {
		t.Errorf("role not assigned: %v", err)
	}
	w.aws.ClearFaults()
	w.aws.DenyECR("")
	if _, _, err := w.helper().Get(host); !errors.Is(err, credhelper.ErrDenied) {
		t.Errorf("ECR denied: %v", err)
	}
	w.aws.ClearFaults()
	w.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.HTML})
	_, _, err := w.helper().Get(host)
	if fault, ok := errors.AsType[*awsclient.Fault](err); !ok || fault.Kind != awsclient.NotAWS {
		t.Errorf("captive portal: %v", err)
	}
	if _, _, err := w.helper().Get("docker.io"); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("not an ECR registry: %v", err)
	}
	if _, _, err := w.helper().Get("999999999999.dkr.ecr.us-east-1.amazonaws.com"); !errors.Is(err, credhelper.ErrNoCredentials) {
		t.Errorf("no profile: %v", err)
	}
	w.home.SSOProfile("other", "corp", startURL, region, "123456789012", "ReadOnly")
	if _, _, err := w.helper().Get(host); !errors.Is(err, credhelper.ErrAmbiguous) {
		t.Errorf("several profiles: %v", err)
	}
	if err := w.helper().Add(&credentials.Credentials{ServerURL: "docker.io", Username: "AWS", Secret: "x"}); !errors.Is(err, credhelper.ErrNotStorable) {
		t.Errorf("store for another registry: %v", err)
	}
	ended := base64.StdEncoding.EncodeToString([]byte(`{"expiration": 1700000000}`))
	if err := w.helper().Add(&credentials.Credentials{ServerURL: host, Username: "AWS", Secret: ended}); !errors.Is(err, credhelper.ErrNotStorable) {
		t.Errorf("store of an expired login: %v", err)
	}
}

// WithSignIn lists the cases without a sign-in.
func TestWhenGetOffersSignIn(t *testing.T) {
	const public = "public.ecr.aws"
	for name, c := range map[string]struct {
		host, env, client string
		asked             bool
	}{
		"session without a token":       {host: host, asked: true},
		"empty CI":                      {host: host, env: "CI=", asked: true},
		"ECR_SSO_LOGIN=auto":            {host: host, env: "ECR_SSO_LOGIN=auto", asked: true},
		"ECR Public with AWS_PROFILE":   {host: public, env: "AWS_PROFILE=prod", asked: true},
		"in CI":                         {host: host, env: "CI=false"},
		"ECR_SSO_LOGIN=never":           {host: host, env: "ECR_SSO_LOGIN=never"},
		"invalid ECR_SSO_LOGIN":         {host: host, env: "ECR_SSO_LOGIN=yes"},
		"ECR Public":                    {host: public},
		"client that needs not found":   {host: host, client: "python3"},
		"PyPy":                          {host: host, client: "pypy3.10"},
		"PyPy's executable in Debian":   {host: host, client: "pypy3"},
		"GraalPy":                       {host: host, client: "graalpy"},
		"a program with a similar name": {host: host, client: "pypi-server", asked: true},
		"another client":                {host: host, client: "docker", asked: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			asked := false
			helper := credhelper.New(credhelper.WithEnv(append(w.home.Env(), c.env)), credhelper.WithClock(w.now),
				credhelper.WithTransport(w.aws.Transport()), credhelper.WithClientName(func() string { return c.client }),
				credhelper.WithSignIn(func(context.Context, credhelper.SignInRequest) error { asked = true; return credhelper.ErrNoUser }))
			if _, _, err := helper.Get(c.host); err == nil || asked != c.asked {
				t.Errorf("asked: %v; %v", asked, err)
			}
		})
	}
}

// The portal rejects the session's token and the refreshed one: the refreshed one is removed
// from its file, so that other processes do not try it.
func TestRevokedSessionIsRemoved(t *testing.T) {
	w := newWorld(t)
	file := w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	w.aws.Fail(awstest.GetRoleCredentials, awstest.Fault{Status: 401, Code: "UnauthorizedException"})
	if _, _, err := w.helper().Get(host); !errors.Is(err, credhelper.ErrSessionRevoked) || w.calls() != [3]int{1, 2, 0} {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the token is still in its file")
	}
}

// A token is valid in the region that issued it, whatever sso_region says.
func TestTokenOfAnotherRegion(t *testing.T) {
	w := newWorld(t)
	w.home.WriteToken("corp", w.aws.SignIn(startURL, "eu-central-1", true))
	if _, _, err := w.helper().Get(host); err != nil {
		t.Error(err)
	}
}

// A directory with an older sign-in is moved to the place of a newer one. Neither file
// changes, but the role credentials in the AWS CLI's cache are from the newer one.
func TestEarlierSignInGetsItsOwnRole(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Dir(filepath.Dir(w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))))
	if err := os.Rename(dir, dir+".earlier"); err != nil {
		t.Fatal(err)
	}
	w.aws.SetUser("other")
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	if _, _, err := w.helper().Get(host); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(dir, dir+".later"), os.Rename(dir+".earlier", dir)); err != nil {
		t.Fatal(err)
	}
	w.calls()
	if _, _, err := w.helper().Get(host); err != nil || w.calls() != [3]int{0, 1, 1} {
		t.Errorf("the credentials of another user's role: %v", err)
	}
}

// ECR rejects role credentials from the AWS CLI's cache: the get requests new ones once.
func TestRevokedRoleCredentialsAreReplaced(t *testing.T) {
	w := newWorld(t)
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	if _, _, err := w.helper().Get(host); err != nil {
		t.Fatal(err)
	}
	_ = w.helper().Delete(host)
	w.aws.ExpireKeys()
	w.aws.ResetLog()
	if _, _, err := w.helper().Get(host); err != nil {
		t.Fatal(err)
	}
	if calls := w.calls(); calls != [3]int{0, 1, 2} {
		t.Errorf("calls = %v", calls)
	}
}
