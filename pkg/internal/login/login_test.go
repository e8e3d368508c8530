package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

func TestBrowserLogin(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	token, err := Login(t.Context(), w.input())
	if err != nil {
		t.Fatal(err)
	}
	if !token.Live(w.aws.Now()) || !token.Refreshable(w.aws.Now()) {
		t.Error("the token is not valid or not refreshable")
	}
	w.checkTokenFile("corp", token)
	if accounts, err := w.client.ListAccounts(t.Context(), region, token.AccessToken); err != nil || len(accounts) != 1 {
		t.Errorf("the portal returned %v, %v", accounts, err)
	}
	want := `{"clientId": "` + token.ClientID + `", "clientSecret": "` + token.ClientSecret.Reveal() + `", "expiresAt": "` +
		token.RegistrationExpiresAt.Format("2006-01-02T15:04:05Z") + `", "scopes": ["sso:account:access"], "grantTypes": ["authorization_code", "refresh_token"]}`
	path := must(registrationPath(w.home, startURL, region, "corp", []string{"sso:account:access"}, codeFlow))
	if diff := cmp.Diff(want, w.file(path)); diff != "" {
		t.Errorf("registration file:\n%s", diff)
	}
	if w.aws.Log()[0].Key != "docker-credential-ecr-sso-corp" {
		t.Errorf("client name %q", w.aws.Log()[0].Key)
	}
	page, _ := url.Parse(w.fakeBrowser.opened[0])
	if page.Host != "oidc.eu-west-1.amazonaws.com" || page.Query().Get("code_challenge_method") != "S256" {
		t.Errorf("opened %s", page)
	}
	if !strings.HasPrefix(w.screen.String(), "Opening your browser to sign in to SSO session \"corp\".\n") {
		t.Errorf("screen:\n%s", w.screen)
	}

	w.aws.ResetLog()
	if _, err := Login(t.Context(), w.input()); err != nil {
		t.Fatal(err)
	}
	if w.aws.Calls(awstest.RegisterClient) != 0 {
		t.Error("the registration was not reused")
	}
}

// loginErrorCases are the test cases of TestLoginErrors.
var loginErrorCases = map[string]struct {
	change func(*fixture, *Input)
	is     error
	says   string
	run    string
	remedy hint.Remedy
}{
	"refused on the page": {
		change: func(w *fixture, _ *Input) { w.aws.Fail(awstest.Authorize, awstest.Fault{Kind: awstest.Deny}) },
		says:   "access_denied", run: "docker-credential-ecr-sso login --sso-session corp", remedy: hint.SignIn},
	"sign-in is not completed": {
		change: func(w *fixture, _ *Input) {
			w.fakeBrowser.open = func(string) error { return nil }
		},
		is: ErrTimeout, says: "sign-in timed out", run: "docker-credential-ecr-sso login --sso-session corp", remedy: hint.SignIn},
	"unknown start URL": {
		change: func(_ *fixture, in *Input) { in.Session.StartURL = "https://other.awsapps.com/start" },
		says:   "start URL https://other.awsapps.com/start, region eu-west-1", run: "docker-credential-ecr-sso configure --sso-session corp --start-url START_URL --sso-region REGION", remedy: hint.CorrectSession},
	"start URL over http": {
		change: func(_ *fixture, in *Input) { in.Session.StartURL = "http://corp.awsapps.com/start" },
		says:   "https", run: "docker-credential-ecr-sso configure --sso-session corp --start-url START_URL --sso-region REGION", remedy: hint.CorrectSession},
	"region without an endpoint": {
		change: func(_ *fixture, in *Input) { in.Session.Region = "example.com#" },
		says:   "is not a region", run: "docker-credential-ecr-sso configure --sso-session corp --start-url START_URL --sso-region REGION", remedy: hint.CorrectSession},
	"no home directory": {
		change: func(_ *fixture, in *Input) { in.Home = "" },
		is:     env.ErrNoHome, says: "no home directory", run: env.HomeCommand()},
	"no start URL": {
		change: func(_ *fixture, in *Input) { in.Session = awsconfig.Session{}; in.Profile = "my dev" },
		says:   "no start URL", run: "docker-credential-ecr-sso configure --profile 'my dev'", remedy: hint.CorrectSession},
	"AWS is down": {
		change: func(w *fixture, _ *Input) {
			w.aws.Fail(awstest.RegisterClient, awstest.Fault{Kind: awstest.Status, Status: 500, Code: "InternalServerException"})
		},
		says: "returned 500", run: "docker-credential-ecr-sso login --sso-session corp", remedy: hint.SignIn},
	"captive portal answers": {
		change: func(w *fixture, _ *Input) { w.aws.Fail(awstest.RegisterClient, awstest.Fault{Kind: awstest.HTML}) },
		says:   "sign-in to SSO session", run: "docker-credential-ecr-sso doctor", remedy: hint.CheckConnection},
	"code cannot be requested": {
		change: func(w *fixture, in *Input) {
			w.aws.Fail(awstest.RegisterClient, awstest.Fault{Kind: awstest.Status, Status: 500, Code: "InternalServerException"})
			in.Device = true
		},
		says: "returned 500", run: "docker-credential-ecr-sso login --sso-session corp --use-device-code", remedy: hint.SignInByCode},
	"token is refused": {
		change: func(w *fixture, _ *Input) {
			w.aws.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Status, Status: 400, Code: "InvalidGrantException", Message: "no"})
		},
		says: "invalid_grant", run: "docker-credential-ecr-sso login --sso-session corp", remedy: hint.SignIn},
}

func TestLoginErrors(t *testing.T) {
	for name, c := range loginErrorCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
				in := w.input()
				c.change(w, &in)
				token, err := Login(t.Context(), in)
				if err == nil || !token.AccessToken.Empty() {
					t.Fatal("unexpected sign-in")
				}
				if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v", err)
				}
				if next := hint.Next(err); len(next) == 0 || next[0] != c.run || hint.RemedyOf(err) != c.remedy {
					t.Errorf("run %q, remedy %d", next, hint.RemedyOf(err))
				}
				if _, err := os.Stat(must(awscache.TokenPath(w.home, "corp"))); err == nil {
					t.Error("leftover token file")
				}
				for _, s := range w.aws.Secrets() {
					if strings.Contains(err.Error(), s) {
						t.Error("the error contains a secret")
					}
				}
			})
		})
	}
}

func TestPageShowsResult(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	pages := make(chan string, 2)
	w.fakeBrowser.open = func(page string) error {
		_, body, err := w.browse(page)
		pages <- body
		return err
	}
	w.aws.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Status, Status: 400, Code: "InvalidGrantException", Times: 1})
	if _, err := Login(t.Context(), w.input()); err == nil {
		t.Fatal("unexpected sign-in")
	}
	if body := <-pages; !strings.Contains(body, "Sign-in failed") || !strings.Contains(body, "invalid_grant") || !strings.Contains(body, "login --sso-session corp") {
		t.Errorf("page:\n%s", body)
	}
	if _, err := Login(t.Context(), w.input()); err != nil {
		t.Fatal(err)
	}
	if body := <-pages; !strings.Contains(body, "<h1>Signed in</h1>\n<p class=\"name\">SSO session &#34;corp&#34;</p>") {
		t.Errorf("page:\n%s", body)
	}
}

func TestLoginSurvivesUnrelatedRequests(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	w.fakeBrowser.open = func(page string) error {
		u, _ := url.Parse(page)
		back, _ := url.Parse(u.Query().Get("redirect_uri"))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					ask(back.Host, get(callbackPath+"?code=stray&state=guess", back.Host))
					ask(back.Host, get(callbackPath+"?error=access_denied", back.Host))
					ask(back.Host, "POST "+callbackPath+" HTTP/1.1\r\nHost: "+back.Host+"\r\nContent-Length: 0\r\n\r\n")
				}
			})
		}
		wg.Wait()
		return w.visit(page)
	}
	if _, err := Login(t.Context(), w.input()); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownClientIsRegisteredAgain(t *testing.T) {
	t.Run("when the token is refused, at once", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t, awstest.Options{})
		if _, err := Login(t.Context(), w.input()); err != nil {
			t.Fatal(err)
		}
		w.aws.ResetLog()
		w.aws.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Status, Status: 401, Code: "InvalidClientException", Times: 1})
		if _, err := Login(t.Context(), w.input()); err != nil {
			t.Fatal(err)
		}
		if w.aws.Calls(awstest.RegisterClient) != 1 {
			t.Error("no new registration")
		}
	})
	t.Run("when the browser only shows an error page, next time", func(t *testing.T) {
		onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
			if _, err := Login(t.Context(), w.input()); err != nil {
				t.Fatal(err)
			}
			w.aws.ExpireClients()
			w.fakeBrowser.open = func(page string) error { _ = w.visit(page); return nil }
			if _, err := Login(t.Context(), w.input()); !errors.Is(err, ErrTimeout) {
				t.Fatal(err)
			}
			if _, err := Login(t.Context(), w.input()); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("when the device code is refused, at once", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t, awstest.Options{AutoApprove: true})
		in := w.input()
		in.Device = true
		if _, err := Login(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		w.aws.ExpireClients()
		if _, err := Login(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("but only once", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t, awstest.Options{})
		w.aws.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Status, Status: 401, Code: "InvalidClientException"})
		if _, err := Login(t.Context(), w.input()); err == nil || w.fakeBrowser.count() != 1 {
			t.Errorf("%v after %d pages", err, w.fakeBrowser.count())
		}
	})
}

func TestTokenHasConfiguredVanityStartURL(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	in := w.input()
	in.Session.StartURL, in.Session.Region = "https://sso.example.com/", "us-east-1"
	portal := "https://ssoins-1.portal.eu-west-1.app.aws/"
	w.aws.AddInstance(portal, region)
	in.HTTP = &http.Client{Transport: &fakeWeb{answers: map[string][2]string{"HEAD https://sso.example.com/": {"302", portal}}}}
	token, err := Login(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if token.StartURL != "https://sso.example.com/" || token.Region != region {
		t.Errorf("token of %s in %s", token.StartURL, token.Region)
	}
	w.checkTokenFile("corp", token)
}

func TestConcurrentLoginsShareSignIn(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	open := make(chan struct{})
	w.fakeBrowser.open = func(page string) error {
		<-open
		return w.visit(page)
	}
	var wg sync.WaitGroup
	tokens := make([]string, 2)
	for i := range tokens {
		wg.Go(func() {
			token, err := Login(t.Context(), w.input())
			if err != nil {
				t.Error(err)
			}
			tokens[i] = token.AccessToken.Reveal()
		})
	}
	for !strings.Contains(w.screen.String(), "Another process") {
		time.Sleep(10 * time.Millisecond)
	}
	close(open)
	wg.Wait()
	if tokens[0] != tokens[1] || w.fakeBrowser.count() != 1 {
		t.Errorf("%d pages", w.fakeBrowser.count())
	}
}

func TestCtrlCEndsLogin(t *testing.T) {
	onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		w.fakeBrowser.open = func(string) error { cancel(); return nil }
		start := time.Now()
		if _, err := Login(ctx, w.input()); !errors.Is(err, context.Canceled) || time.Since(start) > 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
