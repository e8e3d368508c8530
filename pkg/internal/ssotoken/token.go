// Package ssotoken owns the file in which AWS CLI keeps the token of an SSO
// session, ~/.aws/sso/cache/<sha1>.json: its name, its bytes, and how the token
// in it is refreshed by many processes at once without spending its single-use
// refresh token twice or losing the successor.
//
// It never speaks to AWS (the caller lends a function that asks), never locks
// or chmods AWS CLI's files, and shows no secret in an error. It may import
// floors 0 and 1. credhelper, login, doctor and awsclient call it.
package ssotoken

import (
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/clijson"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// What a token file can be instead of good; for errors.Is.
var (
	// ErrMissing: there is no token file: never signed in, or signed out.
	ErrMissing = errors.New("no token file")
	// ErrOtherStartURL: the token is of a sign-in to another start URL.
	ErrOtherStartURL = errors.New("signed in to another start URL")
	// ErrDamaged: the file holds no token that could be understood.
	ErrDamaged = errors.New("damaged token file")
	// ErrNotRefreshable: the token is over, and the file lacks what a refresh
	// needs (see Token.Refreshable). Only a person can sign in again.
	ErrNotRefreshable = errors.New("token cannot be refreshed")
	// ErrBadGrant: the answer to a refresh has no access token or no life.
	ErrBadGrant = errors.New("refresh answered without a usable token")
)

// refreshAhead is how long before its end a token is renewed: longer than one
// get may take, so that no token dies between its check and its use.
const refreshAhead = 5 * time.Minute

// Token is the content of one token file. Dates are UTC and whole seconds.
type Token struct {
	StartURL, Region      string
	AccessToken           secret.Secret // never empty in a Token from Read
	ExpiresAt             time.Time     // of the access token
	ClientID              string
	ClientSecret          secret.Secret
	RegistrationExpiresAt time.Time     // of the client; zero if the file has none
	RefreshToken          secret.Secret // empty for a session that cannot be refreshed

	// foreign: an optional field holds a value of another kind, so that it is not
	// known what a refresh would have to send.
	foreign bool
	// extra is what else the file holds, in its order and its own spelling.
	extra clijson.Object
}

// Path is the token file below home for a session: cacheKey is the session's
// name or, for a profile without one, the start URL exactly as configured.
// Whatever it contains, the file is in the cache directory. An empty home is
// env.ErrNoHome.
func Path(home, cacheKey string) (string, error) {
	return env.AWSCacheFile(home, "sso", []byte(cacheKey))
}

// Live tells whether the access token is unexpired, by the wall clock.
func (t Token) Live(now time.Time) bool { return t.lasts(now, time.Nanosecond) }

// NeedsRefresh tells whether less than 5 minutes are left.
func (t Token) NeedsRefresh(now time.Time) bool { return !t.lasts(now, refreshAhead) }

// Refreshable tells whether the file holds what CreateToken wants: a refresh
// token and a client whose registration is not over. A file that does not say
// when it is over gets the benefit of the doubt.
func (t Token) Refreshable(now time.Time) bool {
	return !t.foreign && !t.RefreshToken.Empty() && t.ClientID != "" && !t.ClientSecret.Empty() &&
		(t.RegistrationExpiresAt.IsZero() || now.Before(t.RegistrationExpiresAt))
}

// lasts tells whether at least d is left. Round drops the monotonic reading: it
// stands still while a laptop sleeps.
func (t Token) lasts(now time.Time, d time.Duration) bool {
	return !t.AccessToken.Empty() && t.ExpiresAt.Sub(now.Round(0)) >= d
}

// changed tells whether somebody has put another token in the place of old.
func (t Token) changed(old Token) bool {
	return !t.AccessToken.Equal(old.AccessToken) || !t.RefreshToken.Equal(old.RefreshToken) || !t.ExpiresAt.Equal(old.ExpiresAt)
}
