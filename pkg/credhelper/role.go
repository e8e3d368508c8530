package credhelper

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// role returns the SSO role's credentials, and whether they came from the AWS
// CLI's cache, which is looked at before the session's token, as the AWS CLI
// does: they may outlive it. A signed-out session has none.
func (r *request) role(ctx context.Context) (rolecache.Credentials, bool, error) {
	path := r.roleFile
	if c, ok := r.cachedRole(); ok {
		return c, true, nil
	}
	release := r.lock(ctx, "role", path)
	if c, ok := r.cachedRole(); ok {
		release()
		return c, true, nil
	}
	c, err := r.newRole(ctx, release)
	return c, false, err
}

// freshRole replaces role credentials that AWS refused, unless another process
// has done so already.
func (r *request) freshRole(ctx context.Context, refused rolecache.Credentials) (rolecache.Credentials, error) {
	path := r.roleFile
	release := r.lock(ctx, "role", path)
	if c, ok := r.cachedRole(); ok && c.AccessKeyID != refused.AccessKeyID {
		release()
		return c, nil
	}
	return r.newRole(ctx, release)
}

// newRole has the portal make role credentials and keeps them where the AWS CLI
// does. They are written while ECR is asked with them; release gives the role's
// lock back after that, since whoever waits for it wants the file.
func (r *request) newRole(ctx context.Context, release func()) (rolecache.Credentials, error) {
	c, err := r.portal(ctx)
	if err != nil {
		release()
		return rolecache.Credentials{}, err
	}
	r.writing.Go(crash.Guard(func() {
		defer release()
		// A logout or another sign-in that came meanwhile has not seen them.
		if err := rolecache.Write(r.roleFile, c, r.sameSignIn); err != nil {
			r.h.log.Debug("role credentials not cached", "error", err)
		}
		// A refresh that was killed may have left tokens, and the next is an hour away.
		safefile.Sweep(filepath.Dir(r.tokenFile), r.h.now().Add(-safefile.OrphanAge))
	}))
	return c, nil
}

// cachedRole returns the cached role credentials if they came from the session's
// current sign-in.
func (r *request) cachedRole() (rolecache.Credentials, bool) {
	if r.signIn.ID == "" {
		return rolecache.Credentials{}, false
	}
	return rolecache.Read(r.roleFile, rolecache.Wanted{
		Account: r.choice.SSO.Account, SignedIn: r.signIn.Since, Now: r.h.now(),
	})
}

// portal asks the SSO portal for role credentials with the session's token.
func (r *request) portal(ctx context.Context) (c rolecache.Credentials, err error) {
	token, err := r.session(ctx, secret.Secret{})
	if err != nil {
		return c, err
	}
	// ECR's connection is opened while the portal answers: two round trips less.
	crash.Go(func() { r.client.Open(ctx, r.reg) })
	err = r.retryOn401(ctx, token, func(t ssotoken.Token) (err error) {
		c, err = r.client.RoleCredentials(ctx, r.sso, r.tokenFile, t)
		return err
	})
	return c, err
}

// retryOn401 asks the portal, and deals with a token that it refuses before its
// expiry: the session was revoked, or the token replaced. One refresh mends it, or
// else the token is dropped, so that nobody asks with it again.
func (r *request) retryOn401(ctx context.Context, token ssotoken.Token, ask func(ssotoken.Token) error) error {
	err := ask(token)
	if !isKind(err, awsclient.Unauthorized) {
		return err
	}
	renewed, err := r.session(ctx, token.AccessToken)
	if err == nil {
		if err = ask(renewed); !isKind(err, awsclient.Unauthorized) {
			return err
		}
	} else if !errors.Is(err, ErrSessionExpired) && !refusesGrant(err) {
		return err // the refresh did not get through: nothing is known
	}
	r.stale = token.AccessToken
	r.drop(ctx, token, renewed)
	return r.revoked()
}

// drop removes the token file if it still holds one of the refused tokens, for
// somebody may have signed in meanwhile; the session's lock keeps a refresh from
// writing between the look and the removal.
func (r *request) drop(ctx context.Context, refused ...ssotoken.Token) {
	wait, cancel := context.WithTimeout(ctx, dropWait)
	defer cancel()
	held, _ := ssotoken.Lock(wait, r.tokenFile, r.st.cache.LockPath("session", r.tokenFile))
	defer held.Unlock()
	kept, err := ssotoken.Read(r.tokenFile)
	if err != nil {
		return
	}
	for _, t := range refused {
		if !t.AccessToken.Empty() && kept.AccessToken.Equal(t.AccessToken) {
			err := ssotoken.Remove(r.tokenFile)
			r.h.log.Debug("refused SSO token dropped", "error", err)
			return
		}
	}
}

// dropWait is how long a removal waits for a refresh under way.
const dropWait = 2 * time.Second
