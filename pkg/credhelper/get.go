package credhelper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
	entry, err := h.get(reg)
	if err != nil {
		h.log.Debug("get", "registry", reg.Host, "error", awsclient.Quiet(err))
		return "", "", h.final(err)
	}
	h.log.Debug("get", "registry", reg.Host, "profile", entry.Profile, "identity", entry.Identity,
		"stored", entry.Stored, "issued", entry.IssuedAt, "until", entry.ExpiresAt)
	return entry.Username, entry.Password.Reveal(), nil
}

// get is the story of one login.
func (h *Helper) get(reg registry.Registry) (tokencache.Entry, error) {
	started := h.now()
	if !h.start.IsZero() {
		started = h.start
	}
	st, err := h.load()
	if err != nil {
		return tokencache.Entry{}, err
	}
	st.cache.EraseOtherForms()
	// Tokens saved by docker login take precedence.
	if entry, ok := st.cache.Stored(reg.Host); ok {
		return h.remember(st, st.looks, entry), nil
	}
	who, _, err := h.choose(st, reg)
	if err != nil {
		return tokencache.Entry{}, err
	}
	ask, err := h.asker(st, reg, who)
	if err != nil {
		return tokencache.Entry{}, err
	}
	if err := h.until(started.Add(deadline), ask.complete); err != nil {
		return tokencache.Entry{}, err
	}
	// The cache is read before the lock is taken, so that warm answers never
	// queue behind a cold one.
	entry, ok := st.cache.Get(ask.key)
	h.log.Debug("chosen", "registry", reg.Host, "kind", who.Kind.String(), "source", who.Source, "profile", who.Profile, "cached", ok)
	if !ok {
		if entry, err = ask.cold(started.Add(deadline)); err != nil {
			// Perhaps a person can be asked. The lock is not held meanwhile.
			if err = h.revive(ask, started, err); err == nil {
				entry, err = ask.cold(started.Add(signInDeadline))
			}
		}
	}
	if err == nil && !who.Ambient { // whose login it is, only the machine can say
		h.remember(st, ask.looks, entry)
	}
	return entry, err
}

// until bounds a piece of work.
func (h *Helper) until(end time.Time, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(h.ctx, end.Sub(h.now()))
	defer cancel()
	return work(ctx)
}

// cold gets the login from AWS and keeps it.
func (a *asker) cold(end time.Time) (tokencache.Entry, error) {
	defer a.writing.Wait()
	limit := end.Sub(a.h.now())
	ctx, cancel := context.WithTimeout(a.h.ctx, limit)
	defer cancel()
	a.lockEnd = a.h.now().Add(min(lockWait, limit/2))
	defer a.lock(ctx, "get", strings.Join([]string{a.key.Host, a.key.Identity, a.key.Endpoint, a.tokenFile}, "\x00"))()
	// Whoever held the lock has probably done the work, after a sign-in perhaps.
	a.recognize()
	if entry, ok := a.st.cache.Get(a.key); ok {
		return entry, nil
	}
	// Not before: a hundred that only wait for one need no certificates.
	if err := a.connect(); err != nil {
		return tokencache.Entry{}, err
	}
	entry, err := a.login(ctx)
	if err != nil {
		return tokencache.Entry{}, err
	}
	// A cache that cannot be written costs the next call time, not this one its
	// answer.
	err = a.st.cache.Put(entry)
	switch {
	case errors.Is(err, tokencache.ErrNoKey):
		a.h.notCached(err)
	case err != nil:
		a.h.log.Debug("not cached", "registry", a.reg.Host, "error", err)
	}
	// A logout or sign-in that came meanwhile has removed the logins before it. This
	// one was not there yet; it answers nobody, and its password would stay.
	if !a.sameSignIn() {
		a.st.cache.EraseSession(a.tokenFile, a.currentSignIn().ID)
	}
	return entry, nil
}

// login asks AWS: credentials first, then the registry's token.
func (a *asker) login(ctx context.Context) (tokencache.Entry, error) {
	creds, cached, err := a.credentials(ctx)
	if err != nil {
		return tokencache.Entry{}, a.words(err)
	}
	if entry, ok := a.unchanged(creds); ok {
		return entry, nil
	}
	auth, err := a.client.AuthorizationToken(ctx, a.reg, creds)
	if cached && refusesKeys(err) {
		// The role credentials on disk were revoked, or belong to a session that
		// was. Fetch them anew once.
		if creds, err = a.freshRole(ctx, creds); err != nil {
			return tokencache.Entry{}, a.words(err)
		}
		auth, err = a.client.AuthorizationToken(ctx, a.reg, creds)
	}
	if err != nil {
		return tokencache.Entry{}, a.words(err)
	}
	entry := tokencache.Entry{
		Host: a.key.Host, Identity: a.key.Identity, Endpoint: a.key.Endpoint,
		Profile: a.who.Profile, TokenFile: a.tokenFile, SignIn: a.key.SignIn,
		Username: auth.Username, Password: auth.Password,
		IssuedAt: a.h.now(), ExpiresAt: auth.ExpiresAt,
	}
	a.check(&entry, creds)
	return entry, nil
}

// checkAfter is how long a login counts whose credentials a program printed
// without an expiry.
const checkAfter = time.Hour

// check limits a login from credentials that a program prints: the program may
// print those of another account tomorrow, and nothing in the configuration tells.
// When they have expired it runs again, and the login goes on only with the same
// access key id.
func (a *asker) check(e *tokencache.Entry, c rolecache.Credentials) {
	if a.who.Origin.Kind != awsconfig.FromProcess {
		return
	}
	if e.CheckAt = c.Expiration; e.CheckAt.IsZero() {
		e.CheckAt = a.h.now().Add(checkAfter)
	}
	e.Credentials = credentialsDigest(c)
}

// unchanged returns the cached login that was due to be checked, if the program
// still prints the same access key id.
func (a *asker) unchanged(c rolecache.Credentials) (tokencache.Entry, bool) {
	if a.who.Origin.Kind != awsconfig.FromProcess {
		return tokencache.Entry{}, false
	}
	entry, ok := a.st.cache.Checked(a.key, credentialsDigest(c))
	if ok {
		a.check(&entry, c)
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
func (a *asker) credentials(ctx context.Context) (rolecache.Credentials, bool, error) {
	if a.ambient != nil {
		return *a.ambient, false, nil
	}
	switch a.who.Kind {
	case profile.SSO:
		return a.role(ctx)
	case profile.SDKProfile:
		c, err := a.profileCredentials(ctx)
		return c, false, err
	}
	c, err := a.client.ChainCredentials(ctx, a.reg.Region)
	return c, false, err
}
