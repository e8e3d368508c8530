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
func (a *asker) role(ctx context.Context) (rolecache.Credentials, bool, error) {
	path := a.roleFile
	if c, ok := a.keptRole(); ok {
		return c, true, nil
	}
	release := a.lock(ctx, "role", path)
	if c, ok := a.keptRole(); ok {
		release()
		return c, true, nil
	}
	c, err := a.newRole(ctx, release)
	return c, false, err
}

// freshRole replaces role credentials that AWS refused, unless another process
// has done so already.
func (a *asker) freshRole(ctx context.Context, refused rolecache.Credentials) (rolecache.Credentials, error) {
	path := a.roleFile
	release := a.lock(ctx, "role", path)
	if c, ok := a.keptRole(); ok && c.AccessKeyID != refused.AccessKeyID {
		release()
		return c, nil
	}
	return a.newRole(ctx, release)
}

// newRole has the portal make role credentials and keeps them where the AWS CLI
// does. They are written while ECR is asked with them; release gives the role's
// lock back after that, since whoever waits for it wants the file.
func (a *asker) newRole(ctx context.Context, release func()) (rolecache.Credentials, error) {
	c, err := a.portal(ctx)
	if err != nil {
		release()
		return rolecache.Credentials{}, err
	}
	a.writing.Go(crash.Guard(func() {
		defer release()
		// A logout or another sign-in that came meanwhile has not seen them.
		if err := rolecache.Write(a.roleFile, c, a.sameSignIn); err != nil {
			a.h.log.Debug("role credentials not cached", "error", err)
		}
		// A refresh that was killed may have left tokens, and the next is an hour away.
		safefile.Sweep(filepath.Dir(a.tokenFile), a.h.now().Add(-safefile.OrphanAge))
	}))
	return c, nil
}

// keptRole returns the cached role credentials if they came from the session's
// current sign-in.
func (a *asker) keptRole() (rolecache.Credentials, bool) {
	if a.signIn.ID == "" {
		return rolecache.Credentials{}, false
	}
	return rolecache.Read(a.roleFile, rolecache.Wanted{
		Account: a.who.SSO.Account, SignedIn: a.signIn.Since, Now: a.h.now(),
	})
}

// portal asks the SSO portal for role credentials with the session's token.
func (a *asker) portal(ctx context.Context) (c rolecache.Credentials, err error) {
	token, err := a.session(ctx, secret.Secret{})
	if err != nil {
		return c, err
	}
	// ECR's connection is opened while the portal answers: two round trips less.
	crash.Go(func() { a.client.Open(ctx, a.reg) })
	err = a.insist(ctx, token, func(t ssotoken.Token) (err error) {
		c, err = a.client.RoleCredentials(ctx, a.sso, a.tokenFile, t)
		return err
	})
	return c, err
}

// insist asks the portal, and deals with a token that it refuses before its
// expiry: the session was revoked, or the token replaced. One refresh mends it, or
// else the token is dropped, so that nobody asks with it again.
func (a *asker) insist(ctx context.Context, token ssotoken.Token, ask func(ssotoken.Token) error) error {
	err := ask(token)
	if !isKind(err, awsclient.Unauthorized) {
		return err
	}
	renewed, err := a.session(ctx, token.AccessToken)
	if err == nil {
		if err = ask(renewed); !isKind(err, awsclient.Unauthorized) {
			return err
		}
	} else if !errors.Is(err, ErrSessionExpired) && !refusesGrant(err) {
		return err // the refresh did not get through: nothing is known
	}
	a.stale = token.AccessToken
	a.drop(ctx, token, renewed)
	return a.revoked()
}

// drop removes the token file if it still holds one of the refused tokens, for
// somebody may have signed in meanwhile; the session's lock keeps a refresh from
// writing between the look and the removal.
func (a *asker) drop(ctx context.Context, refused ...ssotoken.Token) {
	wait, cancel := context.WithTimeout(ctx, dropWait)
	defer cancel()
	held, _ := ssotoken.Lock(wait, a.tokenFile, a.st.cache.LockPath("session", a.tokenFile))
	defer held.Unlock()
	kept, err := ssotoken.Read(a.tokenFile)
	if err != nil {
		return
	}
	for _, t := range refused {
		if !t.AccessToken.Empty() && kept.AccessToken.Equal(t.AccessToken) {
			err := ssotoken.Remove(a.tokenFile)
			a.h.log.Debug("refused SSO token dropped", "error", err)
			return
		}
	}
}

// dropWait is how long a removal waits for a refresh under way.
const dropWait = 2 * time.Second
