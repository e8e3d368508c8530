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
// takes. Get and SignIn share it.
type sessionToken struct {
	h      *Helper
	file   string
	start  string // the session's start URL
	lock   string // of all processes that refresh this token; "" for none
	region string // as configured, for a token file that names none
	client *awsclient.Client
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

// sessionToken prepares the token of an SSO session of the AWS configuration. profile is
// the profile whose endpoint and certificate settings are used.
func (h *Helper) sessionToken(st *state, session awsconfig.Session, profile string) (sessionToken, error) {
	client, err := st.client()
	if err == nil {
		client, err = client.WithProfile(profile)
	}
	if err != nil {
		return sessionToken{}, err
	}
	file, err := ssotoken.Path(st.home, awsconfig.SSO{Session: session.Name, StartURL: session.StartURL}.CacheKey())
	return sessionToken{h: h, file: file, start: session.StartURL, lock: st.cache.LockPath("session", file),
		region: session.Region, client: client}, err
}

// until returns when the token expires. A token that is due is refreshed first.
func (s sessionToken) until(ctx context.Context) (time.Time, error) {
	token, _, err := s.live(ctx, secret.Secret{}, s.h.now().Add(lockWait))
	return token.ExpiresAt, err
}

// token reads the session's token.
func (r *request) token() (ssotoken.Token, error) {
	return ssotoken.ReadFor(r.tokenFile, r.sso.StartURL)
}

// session returns a live token of the SSO session behind the identity. A dead one
// that cannot be refreshed is an error at once, without a packet. stale is a token
// that the portal has refused although it is not expired; empty otherwise.
func (r *request) session(ctx context.Context, stale secret.Secret) (ssotoken.Token, error) {
	session := sessionToken{h: r.h, file: r.tokenFile, start: r.sso.StartURL, lock: r.st.cache.LockPath("session", r.tokenFile),
		region: r.sso.SSORegion, client: r.client}
	token, before, err := session.live(ctx, stale, r.lockEnd)
	// A token is valid only in the region that issued it; a vanity start URL may
	// have led elsewhere than the configuration says.
	r.sso.SSORegion = cmp.Or(token.Region, before.Region, r.sso.SSORegion)
	switch {
	case err == nil:
		return token, nil
	case refusesGrant(err):
		return ssotoken.Token{}, r.refreshRefused(before, err)
	case errors.Is(err, ssotoken.ErrMissing), // also when a logout came in between
		errors.Is(err, ssotoken.ErrDamaged), before.AccessToken.Empty():
		return ssotoken.Token{}, r.noToken(err)
	case errors.Is(err, ssotoken.ErrNotRefreshable): // also when another sign-in came in between
		return ssotoken.Token{}, r.expired(before)
	default:
		err, _ = r.notRenewed(err)
		return ssotoken.Token{}, err
	}
}

// profileCredentials gets the credentials of a profile of another kind. The token
// of an SSO session behind it (role_arn with a source_profile) is looked after here.
func (r *request) profileCredentials(ctx context.Context) (c rolecache.Credentials, err error) {
	if err := r.needsMFA(); err != nil {
		return c, err
	}
	if r.tokenFile == "" {
		defer r.lockLogin(ctx)()
		return r.client.ProfileCredentials(ctx, r.choice.Profile, "", ssotoken.Token{}, r.reg.Region)
	}
	token, err := r.session(ctx, secret.Secret{})
	if err != nil {
		return c, err
	}
	err = r.retryOn401(ctx, token, func(t ssotoken.Token) (err error) {
		c, err = r.client.ProfileCredentials(ctx, r.choice.Profile, r.tokenFile, t, r.reg.Region)
		return err
	})
	return c, err
}

// lockLogin takes the lock of the profile's `aws login` session, so that its
// refresh token is spent once.
func (r *request) lockLogin(ctx context.Context) (release func()) {
	if r.choice.Origin.Kind != awsconfig.FromLogin {
		return func() {}
	}
	return r.lock(ctx, "session", r.loginFile())
}

// loginFile is the file of the profile's `aws login` session.
func (r *request) loginFile() string {
	return awsclient.LoginFile(r.st.options(r.choice.Profile), r.choice.Origin.LoginSession)
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
