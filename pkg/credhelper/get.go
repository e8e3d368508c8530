package credhelper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Get returns the user name ("AWS") and password of the registry that serverURL
// names. For a host that is not an ECR registry the error is docker's own "not
// found", upon which clients go on anonymously; for ECR Public, whose images can be
// pulled without a login, and for clients that stop at any other error (WithClient),
// it is an *AnonymousError. Every other error is a hint.Error for the person.
func (h *Helper) Get(serverURL string) (username, password string, err error) {
	reg, err := registry.Parse(serverURL)
	if err != nil {
		return "", "", credentials.NewErrCredentialsNotFound()
	}
	entry, _, err := h.get(h.ctx, reg)
	if err != nil {
		return "", "", h.final(err)
	}
	return entry.Username, entry.Password.Reveal(), nil
}

// Login is a login to a registry.
type Login struct {
	Username  string // "AWS"
	Password  string
	ExpiresAt time.Time
	// Stored reports that the login is one that `docker login` saved (Add).
	Stored bool
	// Identity is whose credentials it came from; the zero value for a stored one.
	Identity Identity
}

// String describes the login without its password.
func (l Login) String() string {
	return fmt.Sprintf("login as %s by profile %q until %s", l.Username, l.Identity.Profile, l.ExpiresAt.Format(time.RFC3339))
}

// GoString is String, so that no format prints the password by accident.
func (l Login) GoString() string { return l.String() }

// Login is Get with what is known about the login. The error for a host that is not an
// ECR registry is docker's "not found" too.
func (h *Helper) Login(ctx context.Context, host string) (Login, error) {
	reg, err := registry.Parse(host)
	if err != nil {
		return Login{}, credentials.NewErrCredentialsNotFound()
	}
	entry, req, err := h.get(ctx, reg)
	if err != nil {
		return Login{}, h.final(err)
	}
	return newLogin(entry, req), nil
}

// newLogin makes a Login of a cache entry. req may be nil for a stored one.
func newLogin(entry tokencache.Entry, req *request) Login {
	login := Login{Username: entry.Username, Password: entry.Password.Reveal(), ExpiresAt: entry.ExpiresAt, Stored: entry.Stored}
	if !entry.Stored && req != nil {
		login.Identity = *req.identity()
	}
	return login
}

// get gets one login and logs the result.
func (h *Helper) get(ctx context.Context, reg registry.Registry) (tokencache.Entry, *request, error) {
	entry, req, err := h.login(ctx, reg)
	if err != nil {
		h.log.Debug("get", "registry", reg.Host, "error", awsclient.Quiet(err))
		return tokencache.Entry{}, nil, err
	}
	h.log.Debug("get", "registry", reg.Host, "profile", entry.Profile, "identity", entry.Identity,
		"stored", entry.Stored, "issued", entry.IssuedAt, "until", entry.ExpiresAt)
	return entry, req, nil
}

// login is the order of a get: a stored login, the cache, AWS, a sign-in. The request
// is nil for a stored login.
func (h *Helper) login(ctx context.Context, reg registry.Registry) (tokencache.Entry, *request, error) {
	started := h.now()
	st, err := h.load()
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	st.cache.EraseOtherForms()
	// Tokens saved by docker login take precedence.
	if entry, ok := st.cache.Stored(reg.Host); ok {
		return h.remember(st, st.looks, entry), nil, nil
	}
	choice, _, err := h.choose(st, reg)
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	req, err := h.newRequest(st, reg, choice)
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	if err := h.until(ctx, started.Add(deadline), req.complete); err != nil {
		return tokencache.Entry{}, nil, err
	}
	// The cache is read before the lock is taken, so that warm answers never
	// queue behind a cold one.
	entry, ok := st.cache.Get(req.key)
	h.log.Debug("chosen", "registry", reg.Host, "kind", choice.Kind.String(), "source", choice.Source, "profile", choice.Profile, "cached", ok)
	if !ok {
		if entry, err = req.cold(ctx, started.Add(deadline)); err != nil {
			// A user may be able to sign in. The lock is not held meanwhile.
			if err = h.askForSignIn(ctx, req, started, err); err == nil {
				entry, err = req.cold(ctx, started.Add(signInDeadline))
			}
		}
	}
	if err == nil && !choice.Ambient { // only the machine can say whose credentials these are
		h.remember(st, req.looks, entry)
	}
	return entry, req, err
}

// until runs work with a deadline.
func (h *Helper) until(ctx context.Context, end time.Time, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, end.Sub(h.now()))
	defer cancel()
	return work(ctx)
}

// cold gets the login from AWS and keeps it.
func (r *request) cold(ctx context.Context, end time.Time) (tokencache.Entry, error) {
	defer r.writing.Wait()
	limit := end.Sub(r.h.now())
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r.lockEnd = r.h.now().Add(min(lockWait, limit/2))
	defer r.lock(ctx, "get", strings.Join([]string{r.key.Host, r.key.Identity, r.key.Endpoint, r.tokenFile}, "\x00"))()
	// Whoever held the lock has probably done the work, after a sign-in perhaps.
	r.recordSignIn()
	if entry, ok := r.st.cache.Get(r.key); ok {
		return entry, nil
	}
	// Not before: a hundred that only wait for one need no certificates.
	if err := r.connect(); err != nil {
		return tokencache.Entry{}, err
	}
	entry, err := r.fetch(ctx)
	if err != nil {
		return tokencache.Entry{}, err
	}
	// A cache that cannot be written costs the next call time, not this one its
	// answer.
	err = r.st.cache.Put(entry)
	switch {
	case errors.Is(err, tokencache.ErrNoKey):
		r.h.notCached(err)
	case err != nil:
		r.h.log.Debug("not cached", "registry", r.reg.Host, "error", err)
	}
	// A logout or sign-in that came meanwhile has removed the logins before it. This
	// one was not there yet; it answers nobody, and its password would stay.
	if !r.sameSignIn() {
		r.st.cache.EraseSession(r.tokenFile, r.currentSignIn().ID)
	}
	return entry, nil
}

// fetch asks AWS: credentials first, then the registry's token.
func (r *request) fetch(ctx context.Context) (tokencache.Entry, error) {
	creds, cached, err := r.credentials(ctx)
	if err != nil {
		return tokencache.Entry{}, r.describe(err)
	}
	if entry, ok := r.unchanged(creds); ok {
		return entry, nil
	}
	auth, err := r.client.AuthorizationToken(ctx, r.reg, creds)
	if cached && refusesKeys(err) {
		// The role credentials on disk were revoked, or belong to a session that
		// was. Fetch them anew once.
		if creds, err = r.freshRole(ctx, creds); err != nil {
			return tokencache.Entry{}, r.describe(err)
		}
		auth, err = r.client.AuthorizationToken(ctx, r.reg, creds)
	}
	if err != nil {
		return tokencache.Entry{}, r.describe(err)
	}
	entry := tokencache.Entry{
		Host: r.key.Host, Identity: r.key.Identity, Endpoint: r.key.Endpoint,
		Profile: r.choice.Profile, TokenFile: r.tokenFile, SignIn: r.key.SignIn,
		Username: auth.Username, Password: auth.Password,
		IssuedAt: r.h.now(), ExpiresAt: auth.ExpiresAt,
	}
	r.check(&entry, creds)
	return entry, nil
}

// checkAfter is how long a login counts whose credentials a program printed
// without an expiry.
const checkAfter = time.Hour

// check limits a login from credentials that a program prints: the program may
// print those of another account tomorrow, and nothing in the configuration tells.
// When they have expired it runs again, and the login goes on only with the same
// access key id.
func (r *request) check(e *tokencache.Entry, c rolecache.Credentials) {
	if r.choice.Origin.Kind != awsconfig.FromProcess {
		return
	}
	if e.CheckAt = c.Expiration; e.CheckAt.IsZero() {
		e.CheckAt = r.h.now().Add(checkAfter)
	}
	e.Credentials = credentialsDigest(c)
}

// unchanged returns the cached login that was due to be checked, if the program
// still prints the same access key id.
func (r *request) unchanged(c rolecache.Credentials) (tokencache.Entry, bool) {
	if r.choice.Origin.Kind != awsconfig.FromProcess {
		return tokencache.Entry{}, false
	}
	entry, ok := r.st.cache.Checked(r.key, credentialsDigest(c))
	if ok {
		r.check(&entry, c)
	}
	return entry, ok
}

// credentialsDigest stands for credentials in a file.
func credentialsDigest(c rolecache.Credentials) string {
	sum := sha256.Sum256([]byte(c.AccessKeyID))
	return hex.EncodeToString(sum[:])
}

// credentials returns the chosen identity's AWS credentials, and whether they
// came from the role cache on disk.
func (r *request) credentials(ctx context.Context) (rolecache.Credentials, bool, error) {
	if r.ambient != nil {
		return *r.ambient, false, nil
	}
	switch r.choice.Kind {
	case profile.SSO:
		return r.role(ctx)
	case profile.SDKProfile:
		c, err := r.profileCredentials(ctx)
		return c, false, err
	}
	c, err := r.client.ChainCredentials(ctx, r.reg.Region)
	return c, false, err
}
