package login

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

func (w *fixture) shared() SharedInput {
	return SharedInput{Input: w.input(), Started: w.aws.Now()}
}

func TestFiftyProcessesOpenOneBrowser(t *testing.T) {
	onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
		w.fakeBrowser.open = func(page string) error {
			time.Sleep(300 * time.Millisecond) // until all of them are waiting
			return w.visit(page)
		}
		tokens := make(chan string, 50)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				token, err := Shared(t.Context(), w.shared())
				if err != nil {
					t.Error(err)
				}
				tokens <- token.AccessToken.Reveal()
			})
		}
		wg.Wait()
		close(tokens)
		first := <-tokens
		for token := range tokens {
			if token != first {
				t.Fatal("different tokens")
			}
		}
		if w.fakeBrowser.count() != 1 || w.aws.Calls(awstest.CreateToken) != 1 {
			t.Errorf("%d browsers, %d tokens", w.fakeBrowser.count(), w.aws.Calls(awstest.CreateToken))
		}
	})
}

func TestFiftyProcessesShareDeniedSignIn(t *testing.T) {
	onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
		w.aws.Fail(awstest.Authorize, awstest.Fault{Kind: awstest.Deny})
		w.fakeBrowser.open = func(page string) error {
			time.Sleep(300 * time.Millisecond)
			return w.visit(page)
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := Shared(t.Context(), w.shared())
				if err == nil || !strings.Contains(err.Error(), "access_denied") || hint.Next(err)[0] != "docker-credential-ecr-sso login --sso-session corp" {
					t.Errorf("error %v", err)
				}
			})
		}
		wg.Wait()
		if w.fakeBrowser.count() != 1 {
			t.Errorf("%d browsers", w.fakeBrowser.count())
		}

		_, err := Shared(t.Context(), w.shared())
		if _, ok := errors.AsType[*RecentlyFailedError](err); !ok {
			t.Errorf("within the minute: %v", err)
		}
		w.aws.ClearFaults()
		w.aws.Advance(61 * time.Second)
		if _, err := Shared(t.Context(), w.shared()); err != nil || w.fakeBrowser.count() != 2 {
			t.Errorf("after the minute: %v, %d browsers", err, w.fakeBrowser.count())
		}
	})
}

func TestFailureInFutureIsIgnored(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	w.aws.Fail(awstest.Authorize, awstest.Fault{Kind: awstest.Deny, Times: 1})
	if _, err := Shared(t.Context(), w.shared()); err == nil {
		t.Fatal("unexpected sign-in")
	}
	marker := w.input().LoginLock + ".failed"
	if info, err := os.Stat(marker); err != nil || os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
		t.Errorf("marker: %v, %v", info, err)
	}
	w.aws.Advance(-time.Hour)
	if _, err := Shared(t.Context(), w.shared()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the failure file still exists after a sign-in")
	}
}

func TestLoginIgnoresRecentFailures(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	w.aws.Fail(awstest.Authorize, awstest.Fault{Kind: awstest.Deny, Times: 1})
	_, _ = Shared(t.Context(), w.shared())
	if _, err := Login(t.Context(), w.input()); err != nil {
		t.Error(err)
	}
	if _, err := Shared(t.Context(), w.shared()); err == nil {
		return
	}
	t.Error("a valid token was not used")
}

// The screen shows the user's remaining time: SharedTime minus the time since the start.
func TestScreenShowsUserTime(t *testing.T) {
	for name, spent := range map[string]time.Duration{"all of it": 0, "after a wait": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
				var page string
				w.fakeBrowser.open = func(url string) error { page = url; return nil }
				w.screen.onWaiting = func() { go func() { _ = w.visit(page) }() }
				in := w.shared()
				in.Started, in.Timeout = w.aws.Now().Add(-spent), 0
				before := time.Now()
				if _, err := Shared(t.Context(), in); err != nil {
					t.Fatal(err)
				}
				want := SharedTime - spent
				if until := w.screen.until; until.Before(before.Add(want-time.Second)) || until.After(time.Now().Add(want)) {
					t.Errorf("the screen shows %v, want %v", until.Sub(before), want)
				}
			})
		})
	}
}

func TestSharedErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fixture, *SharedInput)
		says   string
		opens  int
	}{
		"sign-in is not completed": {
			change: func(w *fixture, in *SharedInput) {
				w.fakeBrowser.open = func(string) error { return nil }
				in.Started, in.Limit = w.aws.Now().Add(-39*time.Second), 50*time.Second
			}, says: "sign-in timed out", opens: 1},
		"time was spent before": {
			change: func(w *fixture, in *SharedInput) { in.Started = w.aws.Now().Add(-46 * time.Second) }, says: "sign-in timed out"},
		"time limit has passed": {
			change: func(w *fixture, in *SharedInput) { in.Started = w.aws.Now().Add(-time.Hour) }, says: "sign-in timed out"},
		"lock holder hangs": {
			change: func(w *fixture, in *SharedInput) {
				held, err := safefile.Lock(w.Context(), in.LoginLock)
				if err != nil {
					w.Fatal(err)
				}
				w.Cleanup(held.Unlock)
				in.Started = w.aws.Now().Add(-49 * time.Second)
			}, says: "another process is signing in"},
		"no directory for a lock": {
			change: func(_ *fixture, in *SharedInput) { in.LoginLock = "" }, says: ErrNoLock.Error()},
		"no browser can be opened": {
			change: func(w *fixture, _ *SharedInput) { w.fakeBrowser.why = "there is no display" }, says: "there is no display"},
		"browser does not start": {
			change: func(w *fixture, _ *SharedInput) {
				w.fakeBrowser.open = func(string) error { return errors.New("exit status 3") }
			},
			says: "exit status 3", opens: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
				in := w.shared()
				c.change(w, &in)
				start := time.Now()
				_, err := Shared(t.Context(), in)
				if err == nil || !strings.Contains(err.Error(), c.says) || len(hint.Next(err)) == 0 {
					t.Errorf("error %v", err)
				}
				if w.fakeBrowser.count() != c.opens || len(w.screen.codes) != 0 {
					t.Errorf("%d browsers, %d codes", w.fakeBrowser.count(), len(w.screen.codes))
				}
				if took := time.Since(start); took > 8*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestStaleTokenIsNotSignIn(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	old, err := Shared(t.Context(), w.shared())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Shared(t.Context(), w.shared()); err != nil || !again.AccessToken.Equal(old.AccessToken) {
		t.Errorf("valid token: %v", err)
	}
	in := w.shared()
	in.Stale = old.AccessToken
	if fresh, err := Shared(t.Context(), in); err != nil || fresh.AccessToken.Equal(old.AccessToken) {
		t.Errorf("rejected token: %v", err)
	}
}

func TestSharedUsesBrowserForLegacyProfile(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{})
	in := w.shared()
	in.Session.Name, in.Session.Scopes, in.Device = "", nil, true
	token, err := Shared(t.Context(), in)
	if err != nil || len(w.screen.codes) != 0 || w.fakeBrowser.count() != 1 {
		t.Fatalf("%v, %d codes, %d browsers", err, len(w.screen.codes), w.fakeBrowser.count())
	}
	w.checkTokenFile(startURL, token)
}
