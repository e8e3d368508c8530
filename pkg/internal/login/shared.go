package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	// SharedTime is the user's time. BuildKit gives a helper 60 seconds. The rest is for
	// the ECR login, and sharedGrace of it for the token: fetching it, and in the last
	// sharedSaveTime showing the result in the browser (a second) and saving the token.
	SharedTime     = 50 * time.Second
	sharedGrace    = 5 * time.Second
	sharedSaveTime = 2 * time.Second
	// failureTime is how long after a failed sign-in no other one is started, and
	// cancelTime how long after the user canceled one for the same client.
	failureTime = time.Minute
	cancelTime  = 5 * time.Minute
	// minUserTime is the shortest time in which a user can sign in: with less left, no
	// browser opens.
	minUserTime    = 5 * time.Second
	maxFailureFile = 4 << 10 // bytes
)

// ErrNoLock says that there is no place for a lock file, without which each of many
// processes would open a browser.
var ErrNoLock = errors.New("the lock file of the sign-in cannot be used")

// RecentlyFailedError says that a sign-in to the session failed less than a minute ago,
// so no other one is started yet.
type RecentlyFailedError struct {
	Session string // SSO session "corp"
	Reason  string // cleaned for a terminal
	Ago     time.Duration
}

// Error names the reason of that sign-in.
func (e *RecentlyFailedError) Error() string {
	return fmt.Sprintf("%s: the last sign-in failed %s ago (%s)", e.Session, e.Ago.Round(time.Second), e.Reason)
}

// SharedInput is an Input with the values of one of many processes.
type SharedInput struct {
	Input             // LoginLock is required; Device and NoBrowser are ignored
	Started time.Time // when this process started
	// Client identifies the process that needs the login, such as one docker push. When
	// the user cancels, no other sign-in is started for it. "" if it is not known.
	Client string
	Limit  time.Duration // since Started, for everything; 0 means SharedTime + sharedGrace
	// Stale is an access token that AWS refused although it has not expired: a file with
	// this token counts as signed out.
	Stale secret.Secret
}

// Shared signs in through the browser once for all processes that need it at the same
// time: one opens the browser, the others wait for its token within their own time. A
// failed sign-in is recorded for a minute in a small file next to the lock, so that the
// waiting processes do not open one browser after another. It never shows a device code.
//
// It returns within the limit. The user's time ends earlier, so that a token which is
// being fetched at that moment is still saved. The errors are those of Login,
// *RecentlyFailedError and ErrNoLock, with the command to run.
func Shared(ctx context.Context, in SharedInput) (awscache.Token, error) {
	f, err := newFlow(ctx, in.Input)
	if err != nil {
		return awscache.Token{}, err
	}
	f.codeOnly, f.in.NoBrowser = true, false
	s := &shared{flow: f, stale: in.Stale, client: in.Client, failureFile: in.LoginLock + ".failed"}
	if in.LoginLock == "" {
		return awscache.Token{}, f.withLoginCommand(fmt.Errorf("%s: %w", f.label(), ErrNoLock))
	}
	limit := in.Limit
	if limit <= 0 {
		limit = SharedTime + sharedGrace
	}
	grace := min(sharedGrace, limit/2)
	ctx, cancel := context.WithTimeoutCause(ctx, limit-grace-f.in.Now().Sub(in.Started), ErrTimeout)
	defer cancel()
	until, _ := ctx.Deadline()
	f.end = until.Add(grace)
	f.fetchBy = f.end.Add(-min(sharedSaveTime, grace/2))
	// Checked before the lock too: a process without enough time must not wait for it.
	if token, done, err := s.otherResult(); done {
		return token, err
	}
	token, err := s.locked(ctx)
	if err != nil && s.stopped() {
		s.recordFailure(err)
		err = s.withLoginCommand(err)
	}
	return token, err
}

// shared is a flow of one of many processes.
type shared struct {
	*flow
	stale       secret.Secret
	client      string
	failureFile string
}

// locked waits for the other processes, then signs in.
func (s *shared) locked(ctx context.Context) (awscache.Token, error) {
	held, err := safefile.Lock(ctx, s.in.LoginLock)
	if err != nil {
		return awscache.Token{}, s.lockError(err)
	}
	defer held.Unlock()
	return s.underLock(ctx)
}

// underLock checks again what other processes have done meanwhile, then signs in.
func (s *shared) underLock(ctx context.Context) (awscache.Token, error) {
	if token, done, err := s.otherResult(); done {
		return token, err
	}
	if until, ok := ctx.Deadline(); ok && time.Until(until) < minUserTime {
		return awscache.Token{}, s.describe(ErrTimeout)
	}
	token, err := s.signIn(ctx)
	if !token.AccessToken.Empty() {
		_ = os.Remove(s.failureFile)
		return token, nil // this process can use a token that could not be saved
	}
	if !s.stopped() {
		s.recordFailure(err)
	}
	return token, err
}

// otherResult returns the result of other processes, if any: a live token, or the error
// of a recent failure. The token comes first: the user may have run login since.
func (s *shared) otherResult() (token awscache.Token, done bool, err error) {
	token, err = awscache.ReadTokenFor(s.tokenPath(), s.in.Session.StartURL)
	if err == nil && token.Live(s.in.Now()) && (s.stale.Empty() || !token.AccessToken.Equal(s.stale)) {
		return token, true, nil
	}
	err = s.recentFailure()
	return awscache.Token{}, err != nil, err
}

// lockError describes why the lock was not available.
func (s *shared) lockError(err error) error {
	switch {
	case s.stopped():
		return s.stoppedError()
	case errors.Is(err, safefile.ErrLockBusy):
		return s.withLoginCommand(&causeError{s.label() + ": another process is signing in and did not finish in time", ErrTimeout})
	}
	return s.withLoginCommand(fmt.Errorf("%s: %w: %w", s.label(), ErrNoLock, err))
}

// withLoginCommand adds the command that signs in without a time limit of a get.
func (f *flow) withLoginCommand(err error) error { return hint.For(hint.SignIn, err, f.command()) }

// failure is the content of the failure file.
type failure struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Client string    `json:"client,omitempty"` // of a canceled sign-in
}

// recentFailure returns a *RecentlyFailedError if a sign-in failed within failureTime, or
// context.Canceled if the user canceled one for this client.
func (s *shared) recentFailure() error {
	data, err := safefile.ReadOwn(s.failureFile, maxFailureFile)
	if err != nil {
		return nil
	}
	var last failure
	if json.Unmarshal(data, &last) != nil {
		return nil
	}
	// A failure in the future means that the clock was set back. It must not prevent
	// sign-ins for hours.
	ago := s.in.Now().Sub(last.At)
	if last.Client != "" {
		if last.Client != s.client || ago < 0 || ago >= cancelTime {
			return nil
		}
		return s.withLoginCommand(&causeError{"sign-in to " + s.label() + " was canceled", context.Canceled})
	}
	if ago < 0 || ago >= failureTime {
		return nil
	}
	return s.withLoginCommand(&RecentlyFailedError{Session: s.label(), Reason: hint.Clean(last.Reason, 200), Ago: ago})
}

// recordFailure writes the failure file. If that fails, the next process opens a
// browser again. A sign-in that the user canceled is recorded only for the client: the
// user may want to try another command at once.
func (s *shared) recordFailure(err error) {
	last := failure{At: s.in.Now().UTC()}
	if s.stopped() {
		if s.client == "" {
			return
		}
		last.Client = s.client
	}
	reason := err
	if hinted, ok := errors.AsType[*hint.Error](err); ok {
		reason = hinted.Err
	}
	last.Reason = hint.Clean(reason.Error(), 200)
	data, jsonErr := json.Marshal(last)
	if jsonErr == nil {
		_ = safefile.WriteOwn(s.failureFile, data)
	}
}
