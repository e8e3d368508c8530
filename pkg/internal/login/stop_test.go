package login

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// signalCause is the cause with which the command cancels its context after a signal.
type signalCause struct{}

func (signalCause) Error() string        { return "stopped by signal: interrupt" }
func (signalCause) Is(target error) bool { return target == context.Canceled }

// errOther is a cause other than context.Canceled.
var errOther = errors.New("another cause")

// stoppingOIDC is a sign-in service that calls register and token during its calls.
type stoppingOIDC struct {
	OIDC
	register, token func()
	breaks          error // replaces the service's error
}

func (s stoppingOIDC) RegisterClient(ctx context.Context, region string, in awsclient.RegisterInput) (awsclient.Registration, error) {
	if s.register != nil {
		s.register()
	}
	if s.breaks != nil {
		return awsclient.Registration{}, s.breaks
	}
	return s.OIDC.RegisterClient(ctx, region, in)
}

func (s stoppingOIDC) TokenByCode(ctx context.Context, region string, reg awsclient.Registration, code secret.Secret, uri string, verifier secret.Secret) (awscache.Grant, error) {
	if s.token != nil {
		s.token()
	}
	return s.OIDC.TokenByCode(ctx, region, reg, code, uri, verifier)
}

// brokenNetwork calls stop and fails all requests.
type brokenNetwork struct{ stop func() }

func (b brokenNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	b.stop()
	return nil, errors.New("broken pipe")
}

func soon(stop func()) { time.AfterFunc(50*time.Millisecond, stop) }

type stopChange func(w *fixture, in *Input, stop func())

// stoppedSignInCases are the test cases of TestStoppedSignIn.
var stoppedSignInCases = map[string]stopChange{
	"before it begins": func(_ *fixture, _ *Input, stop func()) { stop() },
	"while another process signs in": func(w *fixture, in *Input, stop func()) {
		held, err := safefile.Lock(w.Context(), in.LoginLock)
		if err != nil {
			w.Fatal(err)
		}
		w.Cleanup(held.Unlock)
		soon(stop)
	},
	"while a vanity URL is looked up": func(_ *fixture, in *Input, stop func()) {
		in.Session.StartURL, in.HTTP = "https://sso.example.com/", &http.Client{Transport: brokenNetwork{stop}}
	},
	"while a client is registered": func(w *fixture, in *Input, stop func()) {
		in.OIDC = stoppingOIDC{OIDC: w.client, register: stop}
	},
	"while a call fails without a cause": func(w *fixture, in *Input, stop func()) {
		in.OIDC = stoppingOIDC{OIDC: w.client, register: stop, breaks: errors.New("broken pipe")}
	},
	"while the user is in the browser": func(w *fixture, _ *Input, stop func()) {
		w.fakeBrowser.open = func(string) error { stop(); return nil }
	},
	"while the token is fetched": func(w *fixture, in *Input, stop func()) {
		w.aws.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Hang})
		in.OIDC = stoppingOIDC{OIDC: w.client, token: func() { soon(stop) }}
	},
}

// In all phases, a sign-in that the user stops returns only that error: no message about
// another process, and no recorded failure. Only a get suggests the command, because its
// user may not know it.
func TestStoppedSignIn(t *testing.T) {
	for where, arrange := range stoppedSignInCases {
		for by, cause := range map[string]error{"a signal": signalCause{}, "a plain cancel": nil, "another cause": errOther} {
			for what, signIn := range map[string]func(context.Context, Input) (awscache.Token, error){
				"login": Login,
				"get": func(ctx context.Context, in Input) (awscache.Token, error) {
					return Shared(ctx, SharedInput{Input: in, Started: in.Now()})
				},
			} {
				t.Run(what+" "+where+" by "+by, func(t *testing.T) {
					t.Parallel()
					onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
						ctx, cancel := context.WithCancelCause(t.Context())
						defer cancel(nil)
						in := w.input()
						arrange(w, &in, func() { cancel(cause) })
						start := time.Now()
						_, err := signIn(ctx, in)
						want := `sign-in to SSO session "corp" was canceled`
						if what == "get" {
							want += "; run: docker-credential-ecr-sso login --sso-session corp"
						}
						if !errors.Is(err, context.Canceled) || cause != nil && !errors.Is(err, cause) || err.Error() != want {
							t.Errorf("error %v, run %q", err, hint.Next(err))
						}
						if took := time.Since(start); took > 5*time.Second {
							t.Errorf("took %v", took)
						}
						if _, err := os.Stat(in.LoginLock + ".failed"); err == nil {
							t.Error("the failure was recorded")
						}
						if strings.Contains(w.screen.String(), "Another process") {
							t.Errorf("screen:\n%s", w.screen)
						}
					})
				})
			}
		}
	}
}

// With a saved registration, opening the browser is the first step after taking the lock.
// It must not open after the user has stopped the sign-in.
func TestNoBrowserAfterStopDuringWait(t *testing.T) {
	onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
		if _, err := Login(t.Context(), w.input()); err != nil {
			t.Fatal(err)
		}
		in := w.input()
		held, err := safefile.Lock(t.Context(), in.LoginLock)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Unlock()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(600*time.Millisecond, func() { cancel(signalCause{}) })
		if _, err := Login(ctx, in); !errors.Is(err, signalCause{}) || w.fakeBrowser.count() != 1 {
			t.Errorf("%v, %d browsers", err, w.fakeBrowser.count())
		}
	})
}

func TestSignInRightAfterStop(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	w.fakeBrowser.open = func(string) error { cancel(signalCause{}); return nil }
	if _, err := Shared(ctx, w.shared()); err == nil {
		t.Fatal("unexpected sign-in")
	}
	w.fakeBrowser.open = w.visit
	if _, err := Shared(t.Context(), w.shared()); err != nil {
		t.Error(err)
	}
}

// After Ctrl-C, no browser opens again for the same docker command, which may request
// another login. Other commands sign in right away.
func TestStopAppliesToWholeClient(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		later         time.Duration
		opens         int
	}{
		"same client":                 {"7 100", "7 100", time.Second, 0},
		"same client, minutes later":  {"7 100", "7 100", 4 * time.Minute, 0},
		"another client":              {"7 100", "8 100", time.Second, 1},
		"another process with its id": {"7 100", "7 900", time.Second, 1},
		"same client, much later":     {"7 100", "7 100", time.Hour, 1},
		"client that is not known":    {"", "", time.Second, 1},
		"clock was set back":          {"7 100", "7 100", -time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
				ctx, cancel := context.WithCancelCause(t.Context())
				w.fakeBrowser.open = func(string) error { cancel(signalCause{}); return nil }
				in := w.shared()
				in.Client = c.before
				if _, err := Shared(ctx, in); !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				w.fakeBrowser.open = w.visit
				w.aws.Advance(c.later)
				in = w.shared()
				in.Client = c.after
				_, err := Shared(t.Context(), in)
				if n := w.fakeBrowser.count() - 1; n != c.opens || (n == 0) != (err != nil) {
					t.Errorf("%d browsers, %v", n, err)
				}
				if err != nil && err.Error() != `sign-in to SSO session "corp" was canceled; run: docker-credential-ecr-sso login --sso-session corp` {
					t.Error(err)
				}
			})
		})
	}
}
