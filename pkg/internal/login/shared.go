package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	// SharedTime is the user's time. BuildKit gives a helper 60 seconds. The rest is for
	// the ECR login; of it, sharedGrace is for fetching the token, and the last
	// sharedSaveTime is for showing the result in the browser (one second) and saving the
	// token.
	SharedTime     = 50 * time.Second
	sharedGrace    = 5 * time.Second
	sharedSaveTime = 2 * time.Second
	// failureTime is how long after a failed sign-in no other one is started. cancelTime is
	// how long after a user's cancellation no other one is started for the same client.
	failureTime = time.Minute
	cancelTime  = 5 * time.Minute
	// minUserTime is the minimum time that a user needs to sign in. If less is left, no
	// browser opens.
	minUserTime = 5 * time.Second
)

// ErrNoLock means that no lock file can be used. Without it, each of many processes would
// open a browser.
var ErrNoLock = errors.New("the lock file of the sign-in cannot be used")

// RecentlyFailedError means that a sign-in to the session failed less than a minute ago, so
// no other one is started yet.
type RecentlyFailedError struct {
	Session string // for example: SSO session "corp"
	Reason  string // sanitized
	Ago     time.Duration
}

// Error returns the reason for that failure.
func (e *RecentlyFailedError) Error() string {
	return fmt.Sprintf("%s: the last sign-in failed %s ago (%s)", e.Session, e.Ago.Round(time.Second), e.Reason)
}

// SharedInput is an Input with the values of one of many processes.
type SharedInput struct {
	Input             // LoginLock is required; Device and NoBrowser are ignored
	Started time.Time // when this process started
	// Client identifies the process that needs the login, such as a docker push. If the
	// user cancels, no other sign-in is started for it. "": unknown.
	Client string
	Limit  time.Duration // total limit since Started; 0: SharedTime + sharedGrace
	// Stale is an access token that AWS rejected before it expired. A file with this token
	// counts as signed out.
	Stale secret.Secret
}

// Shared signs in with the browser once for all processes that need it at the same time:
// one opens the browser, and the others wait for its token within their own time limits. A
// failed sign-in is recorded for a minute in a small file next to the lock, so that the
// waiting processes do not open one browser after another. Shared never shows a device
// code.
//
// It returns within the limit. The user's time ends earlier, so that a token that is being
// fetched at that moment is still saved. The errors are those of Login,
// *RecentlyFailedError and ErrNoLock, with the command to run.
func Shared(ctx context.Context, in SharedInput) (awscache.Token, error) {
	f, err := newFlow(ctx, in.Input)
	if err != nil {
		return awscache.Token{}, err
	}
	f.codeOnly, f.in.NoBrowser = true, false
	s := &shared{flow: f, stale: in.Stale, client: in.Client, failureNote: safefile.NoteAt(in.LoginLock, "failed")}
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
	// Check this before taking the lock: a process without enough time must not wait for
	// it.
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

// shared is a flow run by one of many processes.
type shared struct {
	*flow
	stale       secret.Secret
	client      string
	failureNote safefile.Note
}

// locked waits for the other processes, checks again what they have done, and signs in.
func (s *shared) locked(ctx context.Context) (awscache.Token, error) {
	held, err := safefile.Lock(ctx, s.in.LoginLock)
	if err != nil {
		return awscache.Token{}, s.lockError(err)
	}
	defer held.Unlock()
	if token, done, err := s.otherResult(); done {
		return token, err
	}
	if until, ok := ctx.Deadline(); ok && time.Until(until) < minUserTime {
		return awscache.Token{}, s.describe(ErrTimeout)
	}
	token, err := s.signIn(ctx)
	if !token.AccessToken.Empty() {
		s.failureNote.Remove()
		return token, nil // this process can use the token even if it could not be saved
	}
	if !s.stopped() {
		s.recordFailure(err)
	}
	return token, err
}

// otherResult returns the result of another process, if any: a valid token, or the error of
// a recent failure. The token takes precedence, because the user may have run login since.
func (s *shared) otherResult() (token awscache.Token, done bool, err error) {
	token, err = awscache.ReadTokenFor(s.tokenFile, s.in.Session.StartURL)
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

// withLoginCommand adds the command that signs in without a get's time limit.
func (f *flow) withLoginCommand(err error) error { return hint.For(hint.SignIn, err, f.command()) }

// failure is the note about a failed sign-in.
type failure struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Client string    `json:"client,omitempty"` // set if the user canceled
}

// recentFailure returns a *RecentlyFailedError if a sign-in failed within failureTime, or
// context.Canceled if the user canceled one for this client.
func (s *shared) recentFailure() error {
	var last failure
	if !s.failureNote.Read(&last) {
		return nil
	}
	// A failure in the future means that the clock was set back. It must not block sign-ins
	// for hours.
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

// recordFailure writes the note. If that fails, the next process opens a browser
// again. A sign-in that the user canceled is recorded only for this client, because the
// user may want to try another command right away.
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
	_ = s.failureNote.Write(last)
}
