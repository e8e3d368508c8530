package credhelper

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// sessionToken is the token file of one SSO session and what keeping its token live
// takes. Get and SessionUntil share it, so that there is one rule for both.
type sessionToken struct {
	h      *Helper
	file   string
	start  string // the session's start URL
	lock   string // of all processes that refresh this token; "" for none
	region string // as configured, for a token file that names none
	client refresher
}

// refresher is the sign-in service; *awsclient.Client is one.
type refresher interface {
	Refresh(ctx context.Context, region string, t ssotoken.Token) (ssotoken.Grant, error)
}

// live returns a live token, refreshed if that is due, and the token that the file
// held before. stale is a token that the portal refused although it is not expired.
func (s sessionToken) live(ctx context.Context, stale secret.Secret, lockUntil time.Time) (token, before ssotoken.Token, err error) {
	return ssotoken.Live(ctx, ssotoken.RefreshOptions{
		Path:      s.file,
		StartURL:  s.start,
		LockPath:  s.lock,
		LockUntil: lockUntil,
		Now:       s.h.now,
		Stale:     stale,
		Refused:   refusesGrant,
		Warn:      func(err error) { s.h.log.Debug("session not refreshed", "error", err) },
		Ask:       s.ask,
	})
}

// SessionUntil returns when the token of an SSO session expires. A token that is due
// is refreshed first, as in Get. The error says why the session needs a sign-in.
// profile is the profile whose endpoint and certificate settings are used.
func (h *Helper) SessionUntil(ctx context.Context, s awsconfig.Session, profile string) (time.Time, error) {
	st, err := h.load()
	if err != nil {
		return time.Time{}, err
	}
	client, err := st.client()
	if err == nil {
		client, err = client.WithProfile(profile)
	}
	if err != nil {
		return time.Time{}, err
	}
	file, err := ssotoken.Path(st.home, awsconfig.SSO{Session: s.Name, StartURL: s.StartURL}.CacheKey())
	if err != nil {
		return time.Time{}, err
	}
	session := sessionToken{h: h, file: file, start: s.StartURL, lock: st.cache.LockPath("session", file), region: s.Region, client: client}
	token, _, err := session.live(ctx, secret.Secret{}, h.now().Add(lockWait))
	return token.ExpiresAt, err
}

// token reads the session's token.
func (a *asker) token() (ssotoken.Token, error) { return ssotoken.ReadFor(a.tokenFile, a.sso.StartURL) }

// session returns a live token of the SSO session behind the identity. A dead one
// that cannot be refreshed is an error at once, without a packet. stale is a token
// that the portal has refused although it is not expired; empty otherwise.
func (a *asker) session(ctx context.Context, stale secret.Secret) (ssotoken.Token, error) {
	session := sessionToken{h: a.h, file: a.tokenFile, start: a.sso.StartURL, lock: a.st.cache.LockPath("session", a.tokenFile),
		region: a.sso.SSORegion, client: a.client}
	token, before, err := session.live(ctx, stale, a.lockEnd)
	// A token is valid only in the region that issued it; a vanity start URL may
	// have led elsewhere than the configuration says.
	a.sso.SSORegion = cmp.Or(token.Region, before.Region, a.sso.SSORegion)
	switch {
	case err == nil:
		return token, nil
	case refusesGrant(err):
		return ssotoken.Token{}, a.refreshRefused(before, err)
	case errors.Is(err, ssotoken.ErrMissing), // also when a logout came in between
		errors.Is(err, ssotoken.ErrDamaged), before.AccessToken.Empty():
		return ssotoken.Token{}, a.noToken(err)
	case errors.Is(err, ssotoken.ErrNotRefreshable): // also when another sign-in came in between
		return ssotoken.Token{}, a.expired(before)
	default:
		err, _ = a.notRenewed(err)
		return ssotoken.Token{}, err
	}
}

// profileCredentials gets the credentials of a profile of another kind. The token
// of an SSO session behind it (role_arn with a source_profile) is looked after here.
func (a *asker) profileCredentials(ctx context.Context) (c rolecache.Credentials, err error) {
	if err := a.needsMFA(); err != nil {
		return c, err
	}
	if a.tokenFile == "" {
		defer a.lockLogin(ctx)()
		return a.client.ProfileCredentials(ctx, a.who.Profile, "", ssotoken.Token{}, a.reg.Region)
	}
	token, err := a.session(ctx, secret.Secret{})
	if err != nil {
		return c, err
	}
	err = a.insist(ctx, token, func(t ssotoken.Token) (err error) {
		c, err = a.client.ProfileCredentials(ctx, a.who.Profile, a.tokenFile, t, a.reg.Region)
		return err
	})
	return c, err
}

// lockLogin takes the lock of the profile's `aws login` session, so that its
// refresh token is spent once.
func (a *asker) lockLogin(ctx context.Context) (release func()) {
	if a.who.Origin.Kind != awsconfig.FromLogin {
		return func() {}
	}
	return a.lock(ctx, "session", a.loginFile())
}

// loginFile is the file of the profile's `aws login` session.
func (a *asker) loginFile() string {
	return awsclient.LoginFile(a.st.options(a.who.Profile), a.who.Origin.LoginSession)
}

// refusesGrant tells a refresh that the service refused for good from one that
// did not get through.
func refusesGrant(err error) bool {
	return isKind(err, awsclient.InvalidGrant) || isKind(err, awsclient.InvalidClient)
}

// refusesKeys tells that AWS did not accept the credentials themselves, as
// opposed to what they may do.
func refusesKeys(err error) bool { return isKind(err, awsclient.Expired) }

func isKind(err error, kind awsclient.Kind) bool {
	f, ok := errors.AsType[*awsclient.Fault](err)
	return ok && f.Kind == kind
}
