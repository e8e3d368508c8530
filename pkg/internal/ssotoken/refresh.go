package ssotoken

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	// lockPatience is longer than one call to AWS may take: who still waits
	// then waits for a process that is stopped.
	lockPatience = 12 * time.Second
	// spareLife is what a token must have left to serve although its refresh
	// failed: enough for one call to the portal.
	spareLife = time.Minute
	// askTime bounds a question whose asker has left; Ask has bounds of its own.
	askTime = 15 * time.Second
	// leaveTime is how long a caller who leaves waits for an answer that may be
	// on its way. A signal has to end the process within a second.
	leaveTime = 800 * time.Millisecond
	// rivalTime is how long the successor of a token that somebody else spent may
	// take to its place, where no lock keeps two from spending it at once.
	rivalTime, rivalPoll = 5 * time.Second, 20 * time.Millisecond
	// growth is room for a successor that is longer than the token it replaces.
	growth = 8 << 10
)

// Grant is what the token service gives for a refresh token. RefreshToken is
// empty if the service sent none: then the old one stays good.
type Grant struct {
	AccessToken  secret.Secret
	ExpiresIn    time.Duration
	RefreshToken secret.Secret
}

// RefreshOptions say which token to refresh, and how to ask for it.
type RefreshOptions struct {
	Path     string           // the token file
	StartURL string           // of the session; see ReadFor
	LockPath string           // see Lock
	Now      func() time.Time // the wall clock
	// Ask spends the token's refresh token (sso-oidc CreateToken).
	Ask func(context.Context, Token) (Grant, error)
	// Refused tells whether an error of Ask means that the refresh token is not,
	// or no longer, good (invalid_grant).
	Refused func(error) bool
	// LockUntil is when waiting for the lock ends at the latest, by Now's clock;
	// without it, and in any case, 12 s from the call.
	LockUntil time.Time
	// Stale is an access token known to be rejected (401): it is refreshed
	// though unexpired, unless the file holds another one by now.
	Stale secret.Secret
	// Warn, if not nil, hears of what went wrong although a token is returned.
	Warn func(error)

	alone bool // no lock was had
}

// Live returns a live token of the session: the one in the file if that needs no
// refresh, else what Refresh returns. before is the token that was found in the
// file, for a message about it. The errors are those of Refresh.
func Live(ctx context.Context, o RefreshOptions) (token, before Token, err error) {
	if before, err = ReadFor(o.Path, o.StartURL); err != nil {
		return Token{}, Token{}, err
	}
	settled, err := o.settled(before)
	switch {
	case err != nil:
		return Token{}, before, err
	case settled:
		return before, before, nil
	}
	token, err = Refresh(ctx, o)
	return token, before, err
}

// settled reports whether t is to be used as it is. The error, ErrNotRefreshable,
// means that it can be neither used nor refreshed.
func (o RefreshOptions) settled(t Token) (bool, error) {
	now := o.Now()
	switch {
	case !o.stale(t) && !t.NeedsRefresh(now):
		return true, nil
	case t.Refreshable(now):
		return false, nil
	case !o.stale(t) && t.Live(now):
		return true, nil
	}
	return false, fmt.Errorf("%s: %w", o.Path, ErrNotRefreshable)
}

// Refresh returns a token with at least 5 minutes left, by a refresh if nobody
// else has done one meanwhile: of all processes that share the lock file, one
// asks. It returns the old token if that still has a minute and no better one
// can be had. A token that Ask brings is kept, even if ctx ends then.
//
// Errors: those of Read (ErrMissing also for a sign-out during the refresh);
// ErrNotRefreshable; ErrBadGrant; a token file that cannot be replaced, found
// before anything was spent; the error of Ask.
func Refresh(ctx context.Context, o RefreshOptions) (Token, error) {
	held, busy := o.lock(ctx)
	defer held.Unlock()
	o.alone = held == nil
	t, err := ReadFor(o.Path, o.StartURL)
	if err != nil {
		return Token{}, err
	}
	if settled, err := o.settled(t); err != nil {
		return Token{}, err
	} else if settled {
		return t, nil
	}
	now := o.Now()
	// Whoever holds the lock may be spending the refresh token: compete only if
	// there is nothing else to live on.
	if busy != nil && o.spare(t, now) || ctx.Err() != nil {
		return o.fallback(t, errors.Join(busy, context.Cause(ctx)))
	}
	return o.renew(ctx, t)
}

// lock waits its turn. Without one the refresh goes on alone: reading before
// and after narrows the race to the call itself, and who loses it finds the
// winner's token (see rival). The error is non-nil
// only if somebody holds the lock for too long.
func (o RefreshOptions) lock(ctx context.Context) (*safefile.Held, error) {
	patience := lockPatience
	if !o.LockUntil.IsZero() {
		patience = min(patience, o.LockUntil.Sub(o.Now()))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	held, err := Lock(ctx, o.Path, o.LockPath)
	o.warn(err)
	if errors.Is(err, safefile.ErrLockBusy) {
		return nil, err
	}
	return held, nil
}

// renew asks for the successor of t and puts it in the file.
func (o RefreshOptions) renew(ctx context.Context, t Token) (Token, error) {
	// A refresh token can be spent once: not before its successor has a place.
	place, err := safefile.Reserve(o.Path, len(Marshal(t))+growth, 0o600)
	if err != nil {
		return o.fallback(t, err)
	}
	defer place.Abort()
	asked := o.Now() // before the answer: the life counts from the server's clock
	grant, err := o.ask(ctx, t)
	if err == nil && (grant.AccessToken.Empty() || grant.ExpiresIn < time.Second) {
		err = ErrBadGrant
	}
	if err != nil {
		return o.salvage(ctx, t, err)
	}
	return o.keep(place, t, grant, asked)
}

// ask spends the refresh token. Once the question is on its way it is not called
// back, since the service may have taken the token already: when the caller leaves
// (a signal, a deadline), the answer has a moment to arrive and be kept.
func (o RefreshOptions) ask(ctx context.Context, t Token) (Grant, error) {
	type answer struct {
		grant Grant
		err   error
	}
	if ctx.Err() != nil { // left while the place was made: nothing is spent yet
		return Grant{}, context.Cause(ctx)
	}
	answered := make(chan answer, 1)
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	crash.Go(func() {
		defer cancel()
		grant, err := o.Ask(asking, t)
		answered <- answer{grant, err}
	})
	select {
	case a := <-answered:
		return a.grant, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answered:
		return a.grant, a.err
	case <-time.After(leaveTime):
		return Grant{}, context.Cause(ctx)
	}
}

// salvage looks for what can be had after Ask failed.
func (o RefreshOptions) salvage(ctx context.Context, t Token, err error) (Token, error) {
	if o.Refused != nil && o.Refused(err) {
		if disk, ok := o.rival(ctx, t); ok {
			o.warn(err)
			return disk, nil
		}
	}
	return o.fallback(t, err)
}

// rival looks for the successor of a token that somebody without our lock, such as
// AWS CLI, was faster to spend. Where nobody has a lock (a file system without them)
// the answer that the other one got may still be on its way to the file.
func (o RefreshOptions) rival(ctx context.Context, t Token) (Token, bool) {
	patient, over := o.alone && !o.spare(t, o.Now()), time.After(rivalTime)
	for {
		disk, err := Read(o.Path)
		if err == nil && disk.changed(t) && disk.Live(o.Now()) && !o.stale(disk) {
			return disk, true
		}
		if !patient || errors.Is(err, ErrMissing) {
			return Token{}, false
		}
		select {
		case <-ctx.Done():
			return Token{}, false
		case <-over:
			return Token{}, false
		case <-time.After(rivalPoll):
		}
	}
}

// keep puts the grant in the place reserved for it, unless the file has moved
// on since t was read from it.
func (o RefreshOptions) keep(place *safefile.Pending, t Token, g Grant, asked time.Time) (Token, error) {
	fresh := t.with(g, asked)
	o.carry(t, fresh)
	disk, err := Read(o.Path)
	switch {
	case errors.Is(err, ErrMissing):
		// Signed out meanwhile: a sign-out must not be undone by a latecomer.
		return Token{}, err
	case err == nil && disk.changed(t):
		newer := disk.ExpiresAt.After(fresh.ExpiresAt) || !disk.NeedsRefresh(o.Now())
		if newer && !o.stale(disk) {
			return disk, nil
		}
	case err == nil:
		fresh.extra = disk.extra
	}
	// Cut short for ever, or older than ours: ours goes there.
	err = place.Commit(Marshal(fresh))
	if err != nil {
		// It stands nowhere else, and its predecessor is spent: once more, in a new
		// place. A call that failed once (an interrupted disk) may not fail again.
		err = safefile.Write(o.Path, Marshal(fresh), 0o600)
	}
	if err != nil {
		// The token is good, and an error would not bring the old one back.
		o.warn(fmt.Errorf("refreshed token is not kept: %w", err))
	}
	return fresh, nil
}

// with is t renewed by a grant that was asked for at the given time.
func (t Token) with(g Grant, asked time.Time) Token {
	t.AccessToken = g.AccessToken
	t.ExpiresAt = asked.UTC().Add(g.ExpiresIn).Truncate(time.Second)
	if !g.RefreshToken.Empty() {
		t.RefreshToken = g.RefreshToken
	}
	return t
}

// fallback is the old token if it still serves, else the error.
func (o RefreshOptions) fallback(t Token, err error) (Token, error) {
	if o.spare(t, o.Now()) {
		o.warn(err)
		return t, nil
	}
	return Token{}, err
}

func (o RefreshOptions) spare(t Token, now time.Time) bool {
	return !o.stale(t) && t.lasts(now, spareLife)
}

func (o RefreshOptions) stale(t Token) bool {
	return !o.Stale.Empty() && t.AccessToken.Equal(o.Stale)
}

func (o RefreshOptions) warn(err error) {
	if err != nil && o.Warn != nil {
		o.Warn(err)
	}
}
