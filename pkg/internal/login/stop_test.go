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
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// signalCause is what the command cancels with at a signal.
type signalCause struct{}

func (signalCause) Error() string        { return "stopped by signal: interrupt" }
func (signalCause) Is(target error) bool { return target == context.Canceled }

// errLeft is a cause that does not call itself a cancellation.
var errLeft = errors.New("somebody left")

// stopping is a sign-in service during whose calls somebody stops the program.
type stopping struct {
	OIDC
	register, token func()
	breaks          error // instead of what the service says then
}

func (s stopping) RegisterClient(ctx context.Context, region string, in awsclient.RegisterInput) (awsclient.Registration, error) {
	if s.register != nil {
		s.register()
	}
	if s.breaks != nil {
		return awsclient.Registration{}, s.breaks
	}
	return s.OIDC.RegisterClient(ctx, region, in)
}

func (s stopping) TokenByCode(ctx context.Context, region string, reg awsclient.Registration, code secret.Secret, uri string, verifier secret.Secret) (ssotoken.Grant, error) {
	if s.token != nil {
		s.token()
	}
	return s.OIDC.TokenByCode(ctx, region, reg, code, uri, verifier)
}

// broken is a network that somebody's leaving cuts.
type broken struct{ stop func() }

func (b broken) RoundTrip(*http.Request) (*http.Response, error) {
	b.stop()
	return nil, errors.New("broken pipe")
}

// A sign-in that is stopped says that and nothing else, wherever it is: no
// advice, no blame on another process, and no minute in which nobody is asked.
func TestASignInThatIsStopped(t *testing.T) {
	type change func(w *world, in *Input, stop func())
	soon := func(stop func()) { time.AfterFunc(50*time.Millisecond, stop) }
	for where, arrange := range map[string]change{
		"before it begins": func(_ *world, _ *Input, stop func()) { stop() },
		"while another process signs in": func(w *world, in *Input, stop func()) {
			held, err := safefile.Lock(w.Context(), in.LoginLock)
			if err != nil {
				w.Fatal(err)
			}
			w.Cleanup(held.Unlock)
			soon(stop)
		},
		"while a vanity URL is looked up": func(_ *world, in *Input, stop func()) {
			in.Session.StartURL, in.HTTP = "https://sso.example.com/", &http.Client{Transport: broken{stop}}
		},
		"while a client is registered": func(w *world, in *Input, stop func()) {
			in.OIDC = stopping{OIDC: w.client, register: stop}
		},
		"while a call breaks off that does not say why": func(w *world, in *Input, stop func()) {
			in.OIDC = stopping{OIDC: w.client, register: stop, breaks: errors.New("broken pipe")}
		},
		"while the person is in the browser": func(w *world, _ *Input, stop func()) {
			w.desk.open = func(string) error { stop(); return nil }
		},
		"while the token is fetched": func(w *world, in *Input, stop func()) {
			w.aws.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Hang})
			in.OIDC = stopping{OIDC: w.client, token: func() { soon(stop) }}
		},
	} {
		for by, cause := range map[string]error{"a signal": signalCause{}, "a plain cancel": nil, "another cause": errLeft} {
			for what, signIn := range map[string]func(context.Context, Input) (ssotoken.Token, error){
				"login": Login,
				"get": func(ctx context.Context, in Input) (ssotoken.Token, error) {
					return Shared(ctx, SharedInput{Input: in, Started: in.Now()})
				},
			} {
				t.Run(what+" "+where+" by "+by, func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, awstest.Options{})
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					in := w.input()
					arrange(w, &in, func() { cancel(cause) })
					start := time.Now()
					_, err := signIn(ctx, in)
					if !errors.Is(err, context.Canceled) || cause != nil && !errors.Is(err, cause) ||
						err.Error() != `sign-in to SSO session "corp" was stopped` || hint.Next(err) != nil {
						t.Errorf("error %v, run %q", err, hint.Next(err))
					}
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("took %v", took)
					}
					if _, err := os.Stat(in.LoginLock + ".failed"); err == nil {
						t.Error("it is remembered as one that came to nothing")
					}
					if strings.Contains(w.screen.String(), "Another sign-in") {
						t.Errorf("screen:\n%s", w.screen)
					}
				})
			}
		}
	}
}

// A registration that is kept makes the browser the next step; one who has left
// must not see it open.
func TestNoBrowserOpensForOneWhoLeftWhileWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{})
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
	if _, err := Login(ctx, in); !errors.Is(err, signalCause{}) || w.desk.count() != 1 {
		t.Errorf("%v, %d browsers", err, w.desk.count())
	}
}

func TestASignInThatWasStoppedIsAskedAgainAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awstest.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	w.desk.open = func(string) error { cancel(signalCause{}); return nil }
	if _, err := Shared(ctx, w.shared()); err == nil {
		t.Fatal("it signed in")
	}
	w.desk.open = w.visit
	if _, err := Shared(t.Context(), w.shared()); err != nil {
		t.Error(err)
	}
}
