package credhelper

import (
	"context"
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Inspection is a get in single steps, for a diagnosis: each step calls AWS without any
// cache, so that it shows what a cached answer hides. It writes nothing but a session's
// token that had to be renewed.
type Inspection struct {
	Explanation
	// Candidates are the SSO profiles of the registry's own account.
	Candidates []SessionProfile

	reg registry.Registry
	st  *state
	req *request // nil without an Identity
}

// Credentials are AWS credentials that an Inspection got. The keys are not exported.
type Credentials struct {
	Account   string    // "" if AWS did not name it
	ExpiresAt time.Time // zero: they do not expire

	keys rolecache.Credentials
}

// Inspect prepares an Inspection; its errors are those of Explain. The methods of the
// Inspection may be called only if Identity is not nil.
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
	i := &Inspection{Explanation: x, reg: reg, st: st}
	for _, s := range st.config.ForAccount(reg.Account) {
		i.Candidates = append(i.Candidates, SessionProfile{Name: s.Profile, Account: s.Account, Role: s.Role})
	}
	if x.Identity == nil {
		return i, nil
	}
	choice, _, err := h.choose(st, reg)
	if err != nil {
		return nil, err
	}
	if i.req, err = h.newRequest(st, reg, choice); err == nil {
		err = i.req.connect()
	}
	return i, err
}

// Renew makes sure that the SSO session behind the identity is live, renewing its token
// if that is due, and returns the session; nil without one.
func (i *Inspection) Renew(ctx context.Context) (*Session, error) {
	if i.req.tokenFile == "" {
		return nil, nil
	}
	if _, err := i.req.session(ctx, secret.Secret{}); err != nil {
		return nil, i.req.describe(err)
	}
	return i.req.sessionState(), nil
}

// Credentials gets the identity's AWS credentials.
func (i *Inspection) Credentials(ctx context.Context) (Credentials, error) {
	c, err := i.credentials(ctx)
	if err != nil {
		return Credentials{}, i.req.describe(err)
	}
	return Credentials{Account: c.Account, ExpiresAt: c.Expiration, keys: c}, nil
}

func (i *Inspection) credentials(ctx context.Context) (rolecache.Credentials, error) {
	if i.req.choice.Kind != profile.SSO {
		c, _, err := i.req.credentials(ctx)
		return c, err
	}
	token, err := i.req.session(ctx, secret.Secret{})
	if err != nil {
		return rolecache.Credentials{}, err
	}
	c, err := i.req.client.RoleCredentials(ctx, i.req.sso, i.req.tokenFile, token)
	if !isKind(err, awsclient.Unauthorized) {
		return c, err
	}
	// As in a get, one refresh may fix it. But a refused token stays in its file
	// for the diagnosis.
	if token, err = i.req.session(ctx, token.AccessToken); err != nil {
		if errors.Is(err, ErrSessionExpired) {
			err = i.req.revoked()
		}
		return rolecache.Credentials{}, err
	}
	c, err = i.req.client.RoleCredentials(ctx, i.req.sso, i.req.tokenFile, token)
	if isKind(err, awsclient.Unauthorized) {
		err = i.req.revoked()
	}
	return c, err
}

// Login gets a login to the registry with the credentials.
func (i *Inspection) Login(ctx context.Context, c Credentials) (Login, error) {
	auth, err := i.req.client.AuthorizationToken(ctx, i.reg, c.keys)
	if err != nil {
		return Login{}, i.req.describe(err)
	}
	return Login{Username: auth.Username, Password: auth.Password.Reveal(), ExpiresAt: auth.ExpiresAt, Identity: *i.Identity}, nil
}

// Cached returns the login that a get would answer with now without a call to AWS: one
// that docker login stored, or else the cached one. ok is false without either.
func (i *Inspection) Cached() (login Login, ok bool) {
	entry, ok := i.st.cache.Stored(i.reg.Host)
	if !ok && i.req != nil {
		entry, ok = i.st.cache.Get(i.req.key)
	}
	if !ok {
		return Login{}, false
	}
	return newLogin(entry, i.req), true
}
