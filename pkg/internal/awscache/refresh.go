package awscache

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
	// lockTimeout is longer than an AWS call takes. After that time, the process that holds
	// the lock is probably suspended.
	lockTimeout = 12 * time.Second
	// minRemaining is how long a token must remain valid to be used after a failed refresh:
	// long enough for one portal call.
	minRemaining = time.Minute
	// requestTimeout limits a Request call whose caller was canceled.
	requestTimeout = 15 * time.Second
	// cancelGrace is how long a canceled caller waits for a response. A signal must end the
	// process within a second.
	cancelGrace = 800 * time.Millisecond
	// successorTimeout limits the wait for the new token from another process that used the
	// refresh token first. It applies only if locks are not available.
	successorTimeout, successorPoll = 5 * time.Second, 20 * time.Millisecond
	// growth is the additional space, in bytes, for a new token that is longer than the old
	// one.
	growth = 8 << 10
)

// Grant is the token service's response to a refresh. If RefreshToken is empty, the old
// refresh token remains valid.
type Grant struct {
	AccessToken  secret.Secret
	ExpiresIn    time.Duration
	RefreshToken secret.Secret
}

// RefreshOptions contains the token to refresh and the functions for refreshing it.
type RefreshOptions struct {
	Path     string           // the token file
	StartURL string           // start URL of the session; see ReadTokenFor
	LockPath string           // see LockToken
	Now      func() time.Time // the wall clock
	// Request calls CreateToken of sso-oidc, which uses up the refresh token. It returns a
	// *RefusedError if another call with this token would also be rejected.
	Request func(context.Context, Token) (Grant, error)
	// LockUntil is the deadline for the lock, by the clock of Now. The limit is 12
	// seconds in any case.
	LockUntil time.Time
	// Stale is an access token rejected by AWS (401). It is refreshed even though it has
	// not expired, unless the file already contains another token.
	Stale secret.Secret
	// Warn receives errors that still leave a usable token. May be nil.
	Warn func(error)

	alone bool // the lock is not available
}

// RefusedError means that the service does not accept the refresh token or the client
// registration. The user must sign in again.
type RefusedError struct {
	Host, Code string // of the service
	Err        error  // error of Request; nil if another process got the response
}

func (e *RefusedError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return e.Host + " returned " + e.Code
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// LiveToken returns a valid token for the session: the token in the file if it does not
// need a refresh, or the result of RefreshToken. before is the token that was in the file,
// for messages. The errors are those of RefreshToken.
func LiveToken(ctx context.Context, o RefreshOptions) (token, before Token, err error) {
	if before, err = ReadTokenFor(o.Path, o.StartURL); err != nil {
		return Token{}, Token{}, err
	}
	settled, err := o.settled(before)
	switch {
	case err != nil:
		return Token{}, before, err
	case settled:
		return before, before, nil
	}
	token, err = RefreshToken(ctx, o)
	return token, before, err
}

// settled reports whether t can be used without a refresh. It returns ErrNotRefreshable if
// t can be neither used nor refreshed.
func (o RefreshOptions) settled(token Token) (bool, error) {
	now := o.Now()
	switch {
	case !o.stale(token) && !token.needsRefresh(now):
		return true, nil
	case token.Refreshable(now):
		return false, nil
	case !o.stale(token) && token.Live(now):
		return true, nil
	}
	return false, fmt.Errorf("%s: %w", o.Path, ErrNotRefreshable)
}

// RefreshToken returns a token that is valid for at least 5 minutes. Many processes may
// need a refresh at the same time, but a refresh token can be used only once. RefreshToken
// never uses it twice and never loses the new one: of all processes that share the lock
// file, only one calls Request, and the others use its token. If the refresh fails,
// RefreshToken returns the old token if that is valid for at least one more minute. It
// saves a token returned by Request even if ctx is canceled at that moment.
//
// It returns the errors from ReadToken (including ErrMissing after a sign-out during the
// refresh), ErrNotRefreshable, ErrBadGrant, the error for a token file that cannot be
// replaced (detected before the refresh token is used), or the error of Request.
func RefreshToken(ctx context.Context, o RefreshOptions) (Token, error) {
	held, busy := o.lock(ctx)
	defer held.Unlock()
	o.alone = held == nil
	token, err := ReadTokenFor(o.Path, o.StartURL)
	if err != nil {
		return Token{}, err
	}
	if settled, err := o.settled(token); err != nil {
		return Token{}, err
	} else if settled {
		return token, nil
	}
	now := o.Now()
	// The process that holds the lock may be using the refresh token now. Use it anyway
	// only if there is no usable token.
	if busy != nil && o.usable(token, now) || ctx.Err() != nil {
		return o.fallback(token, errors.Join(busy, context.Cause(ctx)))
	}
	return o.renew(ctx, token)
}

// lock waits for the lock. If locks are not available, the refresh continues without one:
// it reads the file before and after the call, so a process that loses the race finds the
// other's new token (see awaitSuccessor). It returns an error only if another process held
// the lock too long.
func (o RefreshOptions) lock(ctx context.Context) (*safefile.Held, error) {
	timeout := lockTimeout
	if !o.LockUntil.IsZero() {
		timeout = min(timeout, o.LockUntil.Sub(o.Now()))
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	held, err := LockToken(ctx, o.Path, o.LockPath)
	o.warn(err)
	if errors.Is(err, safefile.ErrLockBusy) {
		return nil, err
	}
	return held, nil
}

// renew gets a new token from AWS and writes it to the file.
func (o RefreshOptions) renew(ctx context.Context, token Token) (Token, error) {
	// A refresh token can be used only once, so first make sure that the new token can be
	// saved.
	place, err := safefile.Reserve(o.Path, len(MarshalToken(token))+growth, 0o600)
	if err != nil {
		return o.fallback(token, err)
	}
	defer place.Abort()
	sent := o.Now() // before the call, because the lifetime starts before the response arrives
	grant, err := o.request(ctx, token)
	if err == nil && (grant.AccessToken.Empty() || grant.ExpiresIn < time.Second) {
		err = ErrBadGrant
	}
	if err != nil {
		return o.afterFailedRefresh(ctx, token, err)
	}
	return o.save(place, token, grant, sent)
}

// request uses up the refresh token. It does not cancel a call in flight, because the
// service may already have used the token. If the caller is canceled (by a signal or a
// deadline), request waits a moment for the response, so that it can be saved.
func (o RefreshOptions) request(ctx context.Context, token Token) (Grant, error) {
	type answer struct {
		grant Grant
		err   error
	}
	if ctx.Err() != nil { // canceled before the refresh token was used
		return Grant{}, context.Cause(ctx)
	}
	answered := make(chan answer, 1)
	callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	crash.Go(func() {
		defer cancel()
		grant, err := o.requestOnce(callCtx, token)
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
	case <-time.After(cancelGrace):
		return Grant{}, context.Cause(ctx)
	}
}

// refusalTTL is how long a refused refresh is not tried again: the processes of one `docker
// compose pull` need only one try.
const refusalTTL = time.Minute

// refusal is a refused refresh. It is saved next to the lock for the processes that wait
// with the same refresh token.
type refusal struct {
	Token string    `json:"token"` // its mark
	At    time.Time `json:"at"`
	Host  string    `json:"host"`
	Code  string    `json:"code"`
}

// requestOnce calls Request, unless the service has just refused this token to another
// process.
func (o RefreshOptions) requestOnce(ctx context.Context, token Token) (Grant, error) {
	if err := o.refusedBefore(token); err != nil {
		return Grant{}, err
	}
	grant, err := o.Request(ctx, token)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		o.warn(o.refusalNote().Write(refusal{token.mark(), o.Now().UTC(), refused.Host, refused.Code}))
	}
	return grant, err
}

func (o RefreshOptions) refusalNote() safefile.Note { return safefile.NoteAt(o.LockPath, "refused") }

// refusedBefore returns the error that another process got for this token.
func (o RefreshOptions) refusedBefore(token Token) error {
	var r refusal
	if !o.refusalNote().Read(&r) || r.Token != token.mark() {
		return nil
	}
	if age := o.Now().Sub(r.At); age < 0 || age > refusalTTL {
		return nil
	}
	return &RefusedError{Host: r.Host, Code: r.Code}
}

// afterFailedRefresh returns another process's new token, or the old one if it is usable.
func (o RefreshOptions) afterFailedRefresh(ctx context.Context, token Token, err error) (Token, error) {
	if _, refused := errors.AsType[*RefusedError](err); refused {
		if disk, ok := o.awaitSuccessor(ctx, token); ok {
			o.warn(err)
			return disk, nil
		}
	}
	return o.fallback(token, err)
}

// awaitSuccessor looks for a new token from a process that does not use our lock, such as
// the AWS CLI, and that used the refresh token first. If locks are not available, it waits
// for that process to write the new token.
func (o RefreshOptions) awaitSuccessor(ctx context.Context, token Token) (Token, bool) {
	keepWaiting, timeout := o.alone && !o.usable(token, o.Now()), time.After(successorTimeout)
	for {
		disk, err := ReadToken(o.Path)
		if err == nil && disk.changed(token) && disk.Live(o.Now()) && !o.stale(disk) {
			return disk, true
		}
		if !keepWaiting || errors.Is(err, ErrMissing) {
			return Token{}, false
		}
		select {
		case <-ctx.Done():
			return Token{}, false
		case <-timeout:
			return Token{}, false
		case <-time.After(successorPoll):
		}
	}
}

// save writes the grant to the reserved file, unless another process has replaced the token
// since it was read.
func (o RefreshOptions) save(place *safefile.Pending, token Token, g Grant, sent time.Time) (Token, error) {
	fresh := token.with(g, sent)
	o.recordRefresh(token, fresh)
	disk, err := ReadToken(o.Path)
	switch {
	case errors.Is(err, ErrMissing):
		// The user signed out in the meantime: a refresh must not undo a sign-out.
		return Token{}, err
	case err == nil && disk.changed(token):
		newer := disk.ExpiresAt.After(fresh.ExpiresAt) || !disk.needsRefresh(o.Now())
		if newer && !o.stale(disk) {
			return disk, nil
		}
	case err == nil:
		fresh.extra = disk.extra
	}
	// The token in the file is unreadable or older, so replace it.
	err = place.Commit(MarshalToken(fresh))
	if err != nil {
		// The new token exists only in memory, and the old refresh token has been used. Try
		// once more with a new temporary file.
		err = safefile.Write(o.Path, MarshalToken(fresh), 0o600)
	}
	if err != nil {
		// The token is valid, and an error would not restore the old refresh token.
		o.warn(fmt.Errorf("refreshed token could not be saved: %w", err))
		return fresh, nil
	}
	o.recordWritten(fresh)
	return fresh, nil
}

// with returns t with the values of a grant. sent is when the request was sent.
func (t Token) with(g Grant, sent time.Time) Token {
	t.AccessToken = g.AccessToken
	t.ExpiresAt = sent.UTC().Add(g.ExpiresIn).Truncate(time.Second)
	if !g.RefreshToken.Empty() {
		t.RefreshToken = g.RefreshToken
	}
	return t
}

// fallback returns the old token if it is usable, or the error.
func (o RefreshOptions) fallback(token Token, err error) (Token, error) {
	if o.usable(token, o.Now()) {
		o.warn(err)
		return token, nil
	}
	return Token{}, err
}

func (o RefreshOptions) usable(token Token, now time.Time) bool {
	return !o.stale(token) && token.lasts(now, minRemaining)
}

func (o RefreshOptions) stale(token Token) bool {
	return !o.Stale.Empty() && token.AccessToken.Equal(o.Stale)
}

func (o RefreshOptions) warn(err error) {
	if err != nil && o.Warn != nil {
		o.Warn(err)
	}
}
