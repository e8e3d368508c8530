package credhelper

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// role returns the SSO role's credentials and whether they came from the AWS CLI's cache.
// Like the AWS CLI, it reads this cache before the session's token, because role
// credentials may be valid longer than the token. After a sign-out, the session has no
// cached credentials.
func (r *request) role(ctx context.Context) (awscache.Credentials, bool, error) {
	if r.signIn.Recorded || r.sessionLock() == "" {
		if creds, ok := r.cachedRole(); ok {
			return creds, true, nil
		}
	}
	release := r.lock(ctx, "role", r.roleFile)
	// Record may find that the cached credentials are from another sign-in.
	r.signIn = r.signIn.Record(r.sessionLock())
	if creds, ok := r.cachedRole(); ok {
		release()
		return creds, true, nil
	}
	creds, err := r.newRole(ctx, release)
	return creds, false, err
}

// freshRole replaces role credentials that AWS rejected, unless another process already
// replaced them.
func (r *request) freshRole(ctx context.Context, refused awscache.Credentials) (awscache.Credentials, error) {
	release := r.lock(ctx, "role", r.roleFile)
	if creds, ok := r.cachedRole(); ok && creds.AccessKeyID != refused.AccessKeyID {
		release()
		return creds, nil
	}
	return r.newRole(ctx, release)
}

// newRole gets role credentials from the portal and saves them in the AWS CLI's cache. It
// writes the file during the ECR call. release unlocks the role after the write, because
// the waiting processes need the file.
func (r *request) newRole(ctx context.Context, release func()) (awscache.Credentials, error) {
	creds, err := r.portal(ctx)
	if err != nil {
		release()
		return awscache.Credentials{}, err
	}
	r.writing.Go(crash.Guard(func() {
		defer release()
		// Do not write them if the user has signed out or in since: that sign-out could not
		// remove this file.
		if err := awscache.WriteRole(r.roleFile, creds, r.sameSignIn); err != nil {
			r.h.log.Debug("role credentials not cached", "error", err)
		}
		// A killed refresh may have left a temporary file with tokens. The next refresh,
		// which would remove it, is an hour away.
		safefile.Sweep(filepath.Dir(r.tokenFile), r.h.now().Add(-safefile.OrphanAge))
	}))
	return creds, nil
}

// cachedRole returns the cached role credentials if they came from the session's current
// sign-in.
func (r *request) cachedRole() (awscache.Credentials, bool) {
	if r.signIn.ID == "" {
		return awscache.Credentials{}, false
	}
	return awscache.ReadRole(r.roleFile, awscache.WantedRole{
		Account: r.choice.SSO.Account, SignedIn: r.signIn.Since, Now: r.h.now(),
	})
}

// portal gets role credentials from the SSO portal with the session token.
func (r *request) portal(ctx context.Context) (creds awscache.Credentials, err error) {
	token, err := r.session(ctx, secret.Secret{})
	if err != nil {
		return creds, err
	}
	// Open the connection to ECR during the portal call, which saves two round trips.
	crash.Go(func() { r.client.Open(ctx, r.reg) })
	err = r.retryOn401(ctx, token, func(t awscache.Token) (err error) {
		creds, err = r.client.RoleCredentials(ctx, r.sso, r.tokenFile, t)
		return err
	})
	return creds, err
}

// retryOn401 calls the portal and handles a token rejected before its expiry, because the
// session was revoked or the token was replaced. One refresh may fix it. If not, it removes
// the token so that other processes do not try it.
func (r *request) retryOn401(ctx context.Context, token awscache.Token, call func(awscache.Token) error) error {
	err := call(token)
	if !isKind(err, awsclient.Unauthorized) {
		return err
	}
	renewed, err := r.session(ctx, token.AccessToken)
	if err == nil {
		if err = call(renewed); !isKind(err, awsclient.Unauthorized) {
			return err
		}
	} else if !errors.Is(err, ErrSessionExpired) {
		return err // the refresh failed; the session may still be valid
	}
	r.stale = token.AccessToken
	r.removeRefused(ctx, token, renewed)
	return r.revoked()
}

// removeRefused removes the token file if it still contains one of the rejected tokens. The
// user may have signed in since. The session's lock prevents a refresh from writing the
// file between the check and the removal.
func (r *request) removeRefused(ctx context.Context, refused ...awscache.Token) {
	wait, cancel := context.WithTimeout(ctx, removeWait)
	defer cancel()
	held, _ := awscache.LockToken(wait, r.tokenFile, r.sessionLock())
	defer held.Unlock()
	saved, err := awscache.ReadToken(r.tokenFile)
	if err != nil {
		return
	}
	for _, token := range refused {
		if saved.AccessToken.Equal(token.AccessToken) { // no token file has an empty one
			err := awscache.RemoveToken(r.tokenFile)
			r.h.log.Debug("rejected SSO token removed", "error", err)
			return
		}
	}
}

// removeWait is how long a removal waits for a refresh in another process.
const removeWait = 2 * time.Second

// sessionToken is the token file of an SSO session, with everything a refresh needs. Get
// and SignIn share it.
type sessionToken struct {
	h      *Helper
	file   string
	start  string // the session's start URL
	lock   string // path of the refresh lock; "": none
	region string // the configured region, for a token file without one
	client *awsclient.Client
}

// live returns a valid token, refreshing it if due, and the token that the file contained
// before. stale is a token that the portal rejected before its expiry.
func (s sessionToken) live(ctx context.Context, stale secret.Secret, lockUntil time.Time) (token, before awscache.Token, err error) {
	return awscache.LiveToken(ctx, awscache.RefreshOptions{
		Path:      s.file,
		StartURL:  s.start,
		LockPath:  s.lock,
		LockUntil: lockUntil,
		Now:       s.h.now,
		Stale:     stale,
		Warn:      func(err error) { s.h.log.Debug("session not refreshed", "error", err) },
		Request: func(ctx context.Context, t awscache.Token) (awscache.Grant, error) {
			return s.client.Refresh(ctx, s.region, t)
		},
	})
}

// sessionToken prepares the token of an SSO session in the AWS configuration. Endpoint and
// certificate settings come from profile.
func (h *Helper) sessionToken(st *state, session awsconfig.Session, profile string) (sessionToken, error) {
	client, err := st.client()
	if err == nil {
		client, err = client.WithProfile(profile)
	}
	if err != nil {
		return sessionToken{}, err
	}
	file, err := awscache.TokenPath(st.home, session.CacheKey())
	return sessionToken{h: h, file: file, start: session.StartURL, lock: st.cache.TokenLock(file),
		region: session.Region, client: client}, err
}

// session returns a valid token for the identity's SSO session. If the token has expired
// and cannot be refreshed, it returns an error without a network call. stale is a token
// that the portal rejected before its expiry, or empty.
func (r *request) session(ctx context.Context, stale secret.Secret) (awscache.Token, error) {
	session := sessionToken{h: r.h, file: r.tokenFile, start: r.sso.StartURL, lock: r.sessionLock(),
		region: r.sso.SSORegion, client: r.client}
	token, before, err := session.live(ctx, stale, r.lockEnd)
	// A token is valid only in the region that issued it. With a vanity start URL, that may
	// differ from the configured region.
	r.sso.SSORegion = cmp.Or(token.Region, before.Region, r.sso.SSORegion)
	refused, isRefused := errors.AsType[*awscache.RefusedError](err)
	switch {
	case err == nil:
		r.recordLateSignIn(token)
		return token, nil
	case isRefused:
		return awscache.Token{}, r.refreshRefused(refused)
	case errors.Is(err, awscache.ErrMissing), // also after a sign-out during this call
		errors.Is(err, awscache.ErrDamaged), before.AccessToken.Empty():
		return awscache.Token{}, r.noToken(err)
	case errors.Is(err, awscache.ErrNotRefreshable): // also after a sign-in during this call
		return awscache.Token{}, r.expired(before)
	default:
		err, _ = r.notRenewed(err)
		return awscache.Token{}, err
	}
}

// profileCredentials gets the credentials of a non-SSO profile. If the profile depends on
// an SSO session (role_arn with a source_profile), it first gets a valid token for that
// session.
func (r *request) profileCredentials(ctx context.Context) (creds awscache.Credentials, err error) {
	if err := r.unusable(); err != nil {
		return creds, err
	}
	if r.tokenFile == "" {
		defer r.lockLogin(ctx)()
		return r.client.ProfileCredentials(ctx, r.choice.Profile, "", awscache.Token{}, r.reg.Region)
	}
	token, err := r.session(ctx, secret.Secret{})
	if err != nil {
		return creds, err
	}
	err = r.retryOn401(ctx, token, func(t awscache.Token) (err error) {
		creds, err = r.client.ProfileCredentials(ctx, r.choice.Profile, r.tokenFile, t, r.reg.Region)
		return err
	})
	return creds, err
}

// lockLogin takes the lock of the profile's `aws login` session, so that only one process
// uses its refresh token.
func (r *request) lockLogin(ctx context.Context) (release func()) {
	if r.choice.Origin.Kind != awsconfig.FromLogin {
		return func() {}
	}
	return r.lock(ctx, "session", r.loginFile())
}

// loginFile returns the file of the profile's `aws login` session.
func (r *request) loginFile() string {
	return awsclient.LoginFile(r.st.options(r.choice.Profile), r.choice.Origin.LoginSession)
}

// refusesKeys reports whether AWS rejected the credentials themselves, not the action.
func refusesKeys(err error) bool { return isKind(err, awsclient.Expired) }

func isKind(err error, kind awsclient.Kind) bool {
	f, ok := errors.AsType[*awsclient.Fault](err)
	return ok && f.Kind == kind
}

// noExpiryTTL is how long a login is used if its credentials came from a program that
// printed no expiry.
const noExpiryTTL = time.Hour

// setRecheck limits a login whose credentials were printed by a credential_process. The
// program may print another account's credentials later, without a change to the
// configuration. When the credentials expire, the program runs again. The login remains
// valid only if the access key ID is the same.
func (r *request) setRecheck(entry *tokencache.Entry, creds awscache.Credentials) {
	if r.choice.Origin.Kind != awsconfig.FromProcess {
		return
	}
	if entry.CheckAt = creds.Expiration; entry.CheckAt.IsZero() {
		entry.CheckAt = r.h.now().Add(noExpiryTTL)
	}
	entry.Credentials = credentialsDigest(creds)
}

// checkedEntry returns the cached login that is due for a recheck if the program still
// prints the same access key ID.
func (r *request) checkedEntry(creds awscache.Credentials) (tokencache.Entry, bool) {
	if r.choice.Origin.Kind != awsconfig.FromProcess {
		return tokencache.Entry{}, false
	}
	entry, ok := r.st.cache.Checked(r.key, credentialsDigest(creds))
	if ok {
		r.setRecheck(&entry, creds)
	}
	return entry, ok
}

// credentialsDigest identifies credentials in a file without storing the access key ID.
func credentialsDigest(creds awscache.Credentials) string {
	sum := sha256.Sum256([]byte(creds.AccessKeyID))
	return hex.EncodeToString(sum[:])
}
