package credhelper

import (
	"context"
	"errors"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// session returns a live token of the SSO session. A dead one that cannot be
// refreshed is an error at once, without a packet. stale is a token that the
// portal has refused although it is not expired; empty otherwise.
func (a *asker) session(ctx context.Context, stale secret.Secret) (ssotoken.Token, error) {
	token, err := ssotoken.Read(a.tokenFile)
	switch {
	case errors.Is(err, ssotoken.ErrMissing):
		return ssotoken.Token{}, a.neverSignedIn()
	case err != nil:
		return ssotoken.Token{}, a.damaged(err)
	}
	if token.Region != "" {
		// A token is good only where it was issued; a vanity start URL may have
		// led elsewhere than the configuration says.
		a.sso.SSORegion = token.Region
	}
	now := a.h.now()
	replaced := stale.Empty() || !token.AccessToken.Equal(stale)
	switch {
	case replaced && token.Live(now) && !token.NeedsRefresh(now):
		return token, nil
	case token.Refreshable(now):
		return a.refresh(ctx, token, stale)
	case replaced && token.Live(now):
		return token, nil
	default:
		return ssotoken.Token{}, a.expired(token)
	}
}

// refresh renews the token under the session's lock; see ssotoken.Refresh for
// the discipline.
func (a *asker) refresh(ctx context.Context, old ssotoken.Token, stale secret.Secret) (ssotoken.Token, error) {
	token, err := ssotoken.Refresh(ctx, ssotoken.RefreshOptions{
		Path:      a.tokenFile,
		LockPath:  a.st.cache.LockPath("session", a.tokenFile),
		LockUntil: a.lockEnd,
		Now:       a.h.now,
		Stale:     stale,
		Refused:   refusesGrant,
		Warn:      func(err error) { a.h.log.Debug("session not refreshed", "error", err) },
		Ask:       a.askRefresh,
	})
	switch {
	case err == nil:
		return token, nil
	case refusesGrant(err):
		return ssotoken.Token{}, a.refreshRefused(old, err)
	case errors.Is(err, ssotoken.ErrMissing): // a logout came in between
		return ssotoken.Token{}, a.neverSignedIn()
	case errors.Is(err, ssotoken.ErrNotRefreshable): // or another sign-in
		return ssotoken.Token{}, a.expired(old)
	default:
		return ssotoken.Token{}, err
	}
}

// profileCredentials resolves a profile of another kind through the SDK. If an
// SSO session stands behind it (role_arn with a source_profile), its token is
// looked after here: the SDK would renew it without a lock.
func (a *asker) profileCredentials(ctx context.Context) (c rolecache.Credentials, err error) {
	if a.tokenFile == "" {
		return a.client.ProfileCredentials(ctx, a.who.Profile, a.reg.Region)
	}
	token, err := a.session(ctx, secret.Secret{})
	if err != nil {
		return c, err
	}
	err = a.insist(ctx, token, func(ssotoken.Token) (err error) {
		c, err = a.client.ProfileCredentials(ctx, a.who.Profile, a.reg.Region)
		return err
	})
	return c, err
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
