package credhelper

import (
	"context"
	"errors"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Inspection is a get taken apart: each of its steps can be tried by itself, past
// every cache, so that a diagnosis sees what a warm answer hides. It writes
// nothing, but for a session's token that had to be renewed to be tried.
type Inspection struct {
	Explanation
	// Reg is the registry that was asked about.
	Reg registry.Registry
	// Candidates are the SSO profiles of the registry's own account.
	Candidates []awsconfig.SSO

	st  *state
	ask *asker // nil without an Identity
}

// Inspect prepares an Inspection; its errors are those of Explain. The steps
// below may be tried only if Identity is not nil; their errors are a hint.Error
// for the person, or docker's "not found" (see Anonymous).
func (h *Helper) Inspect(serverURL string) (*Inspection, error) {
	x, err := h.Explain(serverURL)
	if err != nil {
		return nil, err
	}
	reg, err := registry.Parse(serverURL)
	if err != nil {
		return nil, err
	}
	st, err := h.load()
	if err != nil {
		return nil, err
	}
	i := &Inspection{Explanation: x, Reg: reg, Candidates: st.config.ForAccount(reg.Account), st: st}
	if x.Identity == nil {
		return i, nil
	}
	who, _, err := h.choose(st, reg)
	if err != nil {
		return nil, err
	}
	if i.ask, err = h.asker(st, reg, who); err == nil {
		err = i.ask.connect()
	}
	return i, err
}

// Anonymous reports whether err means that clients go on without a login, as they do
// for a public registry.
func Anonymous(err error) bool { return credentials.IsErrCredentialsNotFound(err) }

// Renew makes sure that the SSO session behind the identity is live, renewing
// its token if that is due, and returns what it is then; nil without a session.
func (i *Inspection) Renew(ctx context.Context) (*Session, error) {
	if i.ask.tokenFile == "" {
		return nil, nil
	}
	if _, err := i.ask.session(ctx, secret.Secret{}); err != nil {
		return nil, i.ask.words(err)
	}
	return i.ask.sessionState(), nil
}

// Credentials asks for the identity's AWS credentials anew.
func (i *Inspection) Credentials(ctx context.Context) (rolecache.Credentials, error) {
	c, err := i.credentials(ctx)
	if err != nil {
		return rolecache.Credentials{}, i.ask.words(err)
	}
	return c, nil
}

func (i *Inspection) credentials(ctx context.Context) (rolecache.Credentials, error) {
	if i.ask.who.Kind != profile.SSO {
		c, _, err := i.ask.credentials(ctx)
		return c, err
	}
	token, err := i.ask.session(ctx, secret.Secret{})
	if err != nil {
		return rolecache.Credentials{}, err
	}
	c, err := i.ask.client.RoleCredentials(ctx, i.ask.sso, i.ask.tokenFile, token)
	if !isKind(err, awsclient.Unauthorized) {
		return c, err
	}
	// As in a get, one refresh may mend it; but what is refused is left where it
	// is, for somebody who looks at it.
	if token, err = i.ask.session(ctx, token.AccessToken); err != nil {
		if errors.Is(err, ErrSessionExpired) {
			err = i.ask.revoked()
		}
		return rolecache.Credentials{}, err
	}
	c, err = i.ask.client.RoleCredentials(ctx, i.ask.sso, i.ask.tokenFile, token)
	if isKind(err, awsclient.Unauthorized) {
		err = i.ask.revoked()
	}
	return c, err
}

// Login asks for the registry's token with those credentials.
func (i *Inspection) Login(ctx context.Context, c rolecache.Credentials) (awsclient.Authorization, error) {
	auth, err := i.ask.client.AuthorizationToken(ctx, i.Reg, c)
	if err != nil {
		return awsclient.Authorization{}, i.ask.words(err)
	}
	return auth, nil
}

// Kept is what a get would answer with now, without asking: what docker login
// left (stored), or else the cached token.
func (i *Inspection) Kept() (auth awsclient.Authorization, stored, ok bool) {
	entry, stored := i.st.cache.Stored(i.Reg.Host)
	if ok = stored; !ok && i.ask != nil {
		entry, ok = i.st.cache.Get(i.ask.key)
	}
	return awsclient.Authorization{Username: entry.Username, Password: entry.Password, ExpiresAt: entry.ExpiresAt}, stored, ok
}
