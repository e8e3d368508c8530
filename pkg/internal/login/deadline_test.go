package login

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func TestFetchContext(t *testing.T) {
	const userTime = SharedTime
	for name, c := range map[string]struct {
		starts, fetchBy, stop time.Duration // since the start; fetchBy 0: login command
		ends                  time.Duration
	}{
		"login":                               {starts: 20 * time.Second, ends: 30 * time.Second},
		"login, when the user's time ends":    {starts: userTime - time.Second, ends: userTime + 9*time.Second},
		"get, early":                          {starts: 20 * time.Second, fetchBy: 53 * time.Second, ends: 30 * time.Second},
		"get, when the user's time ends":      {starts: userTime - time.Second, fetchBy: 53 * time.Second, ends: 53 * time.Second},
		"login stopped":                       {starts: 20 * time.Second, stop: 22 * time.Second, ends: 22 * time.Second},
		"login stopped after the user's time": {starts: userTime - time.Second, stop: 52 * time.Second, ends: 52 * time.Second},
		"get stopped after the user's time":   {starts: userTime - time.Second, fetchBy: 53 * time.Second, stop: 52 * time.Second, ends: 52 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				caller, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				ctx, cancel := context.WithTimeoutCause(caller, userTime, ErrTimeout)
				defer cancel()
				f := &flow{caller: caller}
				if c.fetchBy > 0 {
					f.fetchBy = began.Add(c.fetchBy)
				}
				if c.stop > 0 {
					time.AfterFunc(c.stop, func() { stop(signalCause{}) })
				}
				time.Sleep(c.starts) // on the synctest clock
				fetch, done := f.fetchContext(ctx)
				defer done()
				<-fetch.Done()
				if took := time.Since(began); took != c.ends {
					t.Errorf("ended after %v", took)
				}
			})
		})
	}
}

func TestSaveEndsInTime(t *testing.T) {
	for name, c := range map[string]struct {
		left time.Duration // 0: no deadline
		took time.Duration
	}{
		"login":                    {0, tokenLockTimeout},
		"get with time left":       {10 * time.Second, tokenLockTimeout},
		"get with one second left": {time.Second, time.Second - saveTime},
		"get with no time left":    {time.Nanosecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				home, lock := t.TempDir(), filepath.Join(t.TempDir(), "l")
				held, err := safefile.Lock(t.Context(), lock)
				if err != nil {
					t.Fatal(err)
				}
				defer held.Unlock()
				f := &flow{caller: t.Context(), tokenFile: must(awscache.TokenPath(home, "corp")), in: Input{TokenLock: lock, Session: awsconfig.Session{Name: "corp"}}}
				start := time.Now()
				if c.left > 0 {
					f.end = start.Add(c.left)
				}
				err = f.save(t.Context(), awscache.Token{AccessToken: secret.New("AT"), ExpiresAt: start.Add(time.Hour)})
				if over := time.Since(start) - c.took; err != nil || over < 0 || over > 20*time.Millisecond {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				if saved, err := awscache.ReadToken(must(awscache.TokenPath(home, "corp"))); err != nil || saved.AccessToken.Reveal() != "AT" {
					t.Errorf("saved token: %v", err)
				}
			})
		})
	}
}

// Everything is slow: the user approves at the last moment, AWS is slow, the browser keeps
// a connection open, and a refresh hangs.
func TestSharedEndsWithinLimit(t *testing.T) {
	for name, c := range map[string]struct {
		aws   awstest.Fault
		saved bool
	}{
		"token never comes": {awstest.Fault{Kind: awstest.Hang}, false},
		"token comes late":  {awstest.Fault{Kind: awstest.Delay, Delay: 1500 * time.Millisecond}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
				w.aws.Fail(awstest.CreateToken, c.aws)
				w.fakeBrowser.open = func(page string) error {
					time.AfterFunc(SharedTime-100*time.Millisecond, func() {
						if conn, err := w.pipes.dial(t.Context(), "", ""); err == nil {
							t.Cleanup(func() { _ = conn.Close() })
						}
						_ = w.visit(page)
					})
					return nil
				}
				in := w.shared()
				in.Limit = SharedTime + sharedGrace
				held, err := safefile.Lock(t.Context(), in.TokenLock)
				if err != nil {
					t.Fatal(err)
				}
				defer held.Unlock()
				start := time.Now()
				token, err := Shared(t.Context(), in)
				if took := time.Since(start); took > in.Limit {
					t.Errorf("took %v of %v", took, in.Limit)
				}
				if c.saved != (err == nil) || c.saved != !token.AccessToken.Empty() {
					t.Errorf("error %v", err)
				}
				if saved, err := awscache.ReadToken(must(awscache.TokenPath(w.home, "corp"))); c.saved != (err == nil) || !saved.AccessToken.Equal(token.AccessToken) {
					t.Errorf("saved token: %v", err)
				}
			})
		})
	}
}

// AWS reports an unknown client after the user's time has ended: too late to retry.
func TestNoRetryAfterUserTime(t *testing.T) {
	onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
		if _, err := Login(t.Context(), w.input()); err != nil {
			t.Fatal(err)
		}
		w.aws.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Status, Status: 401, Code: "InvalidClientException"})
		in := w.input()
		in.Timeout = 3 * time.Second
		in.OIDC = stoppingOIDC{OIDC: w.client, token: func() { <-time.After(in.Timeout) }}
		_, err := Login(t.Context(), in)
		if fault, ok := errors.AsType[*awsclient.Fault](err); !ok || fault.Kind != awsclient.InvalidClient {
			t.Errorf("error %v", err)
		}
		if strings.Contains(w.screen.String(), "once more") {
			t.Errorf("screen:\n%s", w.screen)
		}
	})
}
