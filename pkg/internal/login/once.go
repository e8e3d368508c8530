package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

const (
	// SharedTime is the person's. BuildKit gives a helper 60 seconds: the rest is
	// for the token that is on its way when the person's time ends (sharedLast), and
	// for the login itself. In the tail of sharedLast the browser shows the result
	// (a second) and the token is saved.
	SharedTime = 50 * time.Second
	sharedLast = 5 * time.Second
	sharedTail = 2 * time.Second
	// quietTime is how long a sign-in that came to nothing is not asked again.
	quietTime = time.Minute
	// worthwhile is the least time in which a person can do anything: with
	// less left, no browser is opened.
	worthwhile = 5 * time.Second
	maxMarker  = 4 << 10
)

// ErrNoLock says that there is no place for a lock, so that nothing could keep
// many processes from opening a browser each.
var ErrNoLock = errors.New("no lock for a shared sign-in")

// RecentlyFailedError says that a sign-in to the session came to nothing a
// moment ago; nobody is asked again so soon.
type RecentlyFailedError struct {
	Session string // SSO session "corp"
	Reason  string
	Ago     time.Duration
}

// Error names the reason of that sign-in.
func (e *RecentlyFailedError) Error() string {
	return fmt.Sprintf("%s: sign-in came to nothing %s ago (%s)", e.Session, e.Ago.Round(time.Second), e.Reason)
}

// SharedInput is an Input with what one of many processes adds.
type SharedInput struct {
	Input                 // LoginLock is required; Device and NoBrowser are not looked at
	Started time.Time     // when this process began
	Limit   time.Duration // from then on, waiting included; 0 means SharedTime and what follows it
	// Stale is an access token that AWS does not take although it looks live:
	// a file that holds it counts as signed out.
	Stale secret.Secret
}

// Shared signs in through the browser once for all processes that need it at
// the same time: one opens the browser, the others wait for its token within
// their own time. A sign-in that came to nothing is remembered for a minute in
// a small file beside the lock, so that those who waited do not open one
// browser after another. It never shows a device code.
//
// All of it is over when the limit is. The person's time ends a little earlier,
// so that a token that is on its way then is still kept. The errors are
// those of Login, *RecentlyFailedError and ErrNoLock, with the command to run.
func Shared(ctx context.Context, in SharedInput) (ssotoken.Token, error) {
	f, err := newFlow(ctx, in.Input)
	if err != nil {
		return ssotoken.Token{}, err
	}
	f.codeOnly, f.in.NoBrowser = true, false
	s := &shared{flow: f, stale: in.Stale, marker: in.LoginLock + ".failed"}
	if in.LoginLock == "" {
		return ssotoken.Token{}, f.advise(fmt.Errorf("%s: %w", f.label(), ErrNoLock))
	}
	limit := in.Limit
	if limit <= 0 {
		limit = SharedTime + sharedLast
	}
	last := min(sharedLast, limit/2)
	ctx, cancel := context.WithTimeoutCause(ctx, limit-last-f.in.Now().Sub(in.Started), ErrTimeout)
	defer cancel()
	until, _ := ctx.Deadline()
	f.end = until.Add(last)
	f.fetchBy = f.end.Add(-min(sharedTail, last/2))
	// Asked before the lock too: who comes late must not queue for nothing.
	if token, over, err := s.settled(); over {
		return token, err
	}
	held, err := safefile.Lock(ctx, in.LoginLock)
	if err != nil {
		return ssotoken.Token{}, s.noLock(err)
	}
	defer held.Unlock()
	return s.underLock(ctx)
}

type shared struct {
	*flow
	stale  secret.Secret
	marker string
}

// underLock looks again at what others have done meanwhile, then signs in.
func (s *shared) underLock(ctx context.Context) (ssotoken.Token, error) {
	if token, over, err := s.settled(); over {
		return token, err
	}
	if until, ok := ctx.Deadline(); ok && time.Until(until) < worthwhile {
		return ssotoken.Token{}, s.explain(ErrTimeout)
	}
	token, err := s.signIn(ctx)
	if !token.AccessToken.Empty() {
		_ = os.Remove(s.marker)
		return token, nil // a file that cannot be written does not cost this answer
	}
	if !s.stopped() { // who stopped it may want to try again
		s.remember(err)
	}
	return token, err
}

// settled reports whether others have settled it: a token is there, or a
// sign-in came to nothing a moment ago. The token counts first: the person may
// have signed in by hand since.
func (s *shared) settled() (token ssotoken.Token, over bool, err error) {
	token, err = ssotoken.ReadFor(s.tokenPath(), s.in.Session.StartURL)
	if err == nil && token.Live(s.in.Now()) && (s.stale.Empty() || !token.AccessToken.Equal(s.stale)) {
		return token, true, nil
	}
	err = s.quiet()
	return ssotoken.Token{}, err != nil, err
}

// noLock words why the lock was not had.
func (s *shared) noLock(err error) error {
	switch {
	case s.stopped():
		return s.stop()
	case errors.Is(err, safefile.ErrLockBusy):
		return s.advise(&causeError{s.label() + ": another process is signing in and was not done in time", ErrTimeout})
	}
	return s.advise(fmt.Errorf("%s: %w: %w", s.label(), ErrNoLock, err))
}

// advise adds the command that signs in without a clock running.
func (f *flow) advise(err error) error { return hint.With(err, f.command()) }

// failure is the content of the marker.
type failure struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// quiet returns a *RecentlyFailedError while a sign-in of a moment ago counts.
func (s *shared) quiet() error {
	data, err := safefile.ReadOwn(s.marker, maxMarker)
	if err != nil {
		return nil
	}
	var last failure
	if json.Unmarshal(data, &last) != nil {
		return nil
	}
	// A marker from the future is a clock that was set back, not a reason to
	// be silent for hours.
	ago := s.in.Now().Sub(last.At)
	if ago < 0 || ago >= quietTime {
		return nil
	}
	return s.advise(&RecentlyFailedError{Session: s.label(), Reason: hint.Clean(last.Reason, 200), Ago: ago})
}

// remember leaves the marker. Without it the next one asks again, no more.
func (s *shared) remember(err error) {
	reason := err
	if hinted, ok := errors.AsType[*hint.Error](err); ok {
		reason = hinted.Err
	}
	data, jsonErr := json.Marshal(failure{At: s.in.Now().UTC(), Reason: hint.Clean(reason.Error(), 200)})
	if jsonErr == nil {
		_ = safefile.WriteOwn(s.marker, data)
	}
}
