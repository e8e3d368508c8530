package credhelper

import (
	"context"
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Inspection performs a get step by step, for diagnosis. Each step calls AWS and bypasses
// the caches, to find errors that a cached login hides. The only file that it writes is the
// token of a session that had to be refreshed.
type Inspection struct {
	Explanation
	// Candidates lists the SSO profiles of the registry's account.
	Candidates []SessionProfile

	reg registry.Registry
	st  *state
	req *request // nil without an Identity
}

// Credentials are AWS credentials from an Inspection. The keys are not exported.
type Credentials struct {
	Account   string    // "" if not returned by AWS
	ExpiresAt time.Time // zero: no expiry

	keys awscache.Credentials
}

// Inspect prepares an Inspection. It returns the same errors as Explain. Call the methods
// of the Inspection only if Identity is not nil.
func (h *Helper) Inspect(serverURL string) (*Inspection, error) {
	x, err := h.Explain(serverURL)
	if err != nil {
		return nil, err
	}
	reg, _, err := h.registry(serverURL)
	if err != nil {
		return nil, err
	}
	st, err := h.load()
	if err != nil {
		return nil, err
	}
	i := &Inspection{Explanation: x, reg: reg, st: st}
	profiles, _ := st.config.ForAccount(reg.Account)
	for _, sso := range profiles {
		i.Candidates = append(i.Candidates, SessionProfile{Name: sso.Profile, Account: sso.Account, Role: sso.Role})
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

// Renew refreshes the SSO session's token if necessary and returns the session, or nil if
// the identity has no session.
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
	creds, err := i.credentials(ctx)
	if err != nil {
		return Credentials{}, i.req.describe(err)
	}
	return Credentials{Account: creds.Account, ExpiresAt: creds.Expiration, keys: creds}, nil
}

func (i *Inspection) credentials(ctx context.Context) (awscache.Credentials, error) {
	if i.req.choice.Kind != profile.SSO {
		c, _, err := i.req.credentials(ctx)
		return c, err
	}
	token, err := i.req.session(ctx, secret.Secret{})
	if err != nil {
		return awscache.Credentials{}, err
	}
	c, err := i.req.client.RoleCredentials(ctx, i.req.sso, i.req.tokenFile, token)
	if !isKind(err, awsclient.Unauthorized) {
		return c, err
	}
	// As in a get, one refresh may fix it. Unlike a get, keep a rejected token in its file,
	// for diagnosis.
	if token, err = i.req.session(ctx, token.AccessToken); err != nil {
		if errors.Is(err, ErrSessionExpired) {
			err = i.req.revoked()
		}
		return awscache.Credentials{}, err
	}
	c, err = i.req.client.RoleCredentials(ctx, i.req.sso, i.req.tokenFile, token)
	if isKind(err, awsclient.Unauthorized) {
		err = i.req.revoked()
	}
	return c, err
}

// Login gets a login for the registry with the credentials.
func (i *Inspection) Login(ctx context.Context, c Credentials) (Login, error) {
	auth, err := i.req.client.AuthorizationToken(ctx, i.reg, c.keys)
	if err != nil {
		return Login{}, i.req.describe(err)
	}
	return Login{Username: auth.Username, Password: auth.Password.Reveal(), ExpiresAt: auth.ExpiresAt, Identity: *i.Identity}, nil
}

// Cached returns the login that a get would return now without calling AWS: a login saved
// by docker login, or a cached one. ok is false if there is none.
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
