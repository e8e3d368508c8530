package credhelper

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Get returns the user name ("AWS") and password for the registry in serverURL. For a host
// that is not an ECR registry, the error is docker's "not found", and clients continue
// anonymously. Get returns an *AnonymousError in two cases: for ECR Public, whose images
// can be pulled without a login, and for clients that stop at any other error (WithClientName).
// All other errors contain a message for the user.
func (h *Helper) Get(serverURL string) (username, password string, err error) {
	reg, alias, err := h.registry(serverURL)
	if err != nil {
		return "", "", notRegistry(err)
	}
	entry, _, err := h.get(h.ctx, reg, cmp.Or(alias, reg.Host))
	if err != nil {
		return "", "", h.final(err)
	}
	return entry.Username, entry.Password.Reveal(), nil
}

// Login is like Get but returns all details of the login. For a host that is not an ECR
// registry, the error is also docker's "not found".
func (h *Helper) Login(ctx context.Context, serverURL string) (Login, error) {
	reg, alias, err := h.registry(serverURL)
	if err != nil {
		return Login{}, notRegistry(err)
	}
	entry, req, err := h.get(ctx, reg, cmp.Or(alias, reg.Host))
	if err != nil {
		return Login{}, h.final(err)
	}
	login := newLogin(entry, req)
	if st, err := h.state(); err == nil {
		login.CacheUntil = h.cacheUntil(st, entry)
	}
	return login, nil
}

// newLogin converts a cache entry to a Login. req may be nil for a stored login.
func newLogin(entry tokencache.Entry, req *request) Login {
	login := Login{Username: entry.Username, Password: entry.Password.Reveal(), ExpiresAt: entry.ExpiresAt, Stored: entry.Stored}
	if !entry.Stored && req != nil {
		login.Identity = *req.identity()
	}
	return login
}

// get returns one login and logs the result. host is the registry's host, or the alias that
// the client used.
func (h *Helper) get(ctx context.Context, reg registry.Registry, host string) (tokencache.Entry, *request, error) {
	entry, req, err := h.find(ctx, reg, host)
	if err != nil {
		h.log.Debug("get", "registry", reg.Host, "error", awsclient.Quiet(err))
		return tokencache.Entry{}, nil, err
	}
	h.log.Debug("get", "registry", reg.Host, "profile", entry.Profile, "identity", entry.Identity,
		"stored", entry.Stored, "issued", entry.IssuedAt, "until", entry.ExpiresAt)
	return entry, req, nil
}

// find tries a stored login, the cache, AWS, and AWS again after a sign-in, in this order.
// The request is nil for a stored login.
func (h *Helper) find(ctx context.Context, reg registry.Registry, host string) (tokencache.Entry, *request, error) {
	started := h.now()
	st, err := h.state()
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	st.cache.EraseOtherForms()
	// Logins saved by `docker login` take precedence.
	if entry, ok := st.cache.Stored(reg.Host); ok && h.webIdentity == nil {
		h.writeWarm(st, st.fileStates, host, entry)
		return entry, nil, nil
	}
	choice, _, err := h.choose(st, reg)
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	req, err := h.newRequest(st, reg, choice)
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	if err := req.complete(ctx, started.Add(h.limit(reg))); err != nil {
		return tokencache.Entry{}, nil, err
	}
	// Read the cache before taking the lock, so that a get with a cached login does not
	// wait for a get that calls AWS.
	entry, ok, renew := req.cached()
	h.log.Debug("chosen", "registry", reg.Host, "kind", choice.Kind.String(), "source", choice.Source, "profile", choice.Profile, "cached", ok)
	switch {
	case renew:
		entry = req.renewOr(ctx, entry)
	case !ok:
		if entry, err = req.cold(ctx, started.Add(h.limit(reg))); err != nil {
			// If possible, let the user sign in. The lock is not held during the sign-in.
			if err = h.offerSignIn(ctx, req, started, err); err == nil {
				entry, err = req.cold(ctx, started.Add(signInDeadline))
			}
		}
	}
	if err == nil && st.settings.Ignored != nil {
		h.warn(st.settings.Ignored)
	}
	if err == nil && !choice.Ambient { // only the machine knows which identity these credentials have
		h.writeWarm(st, req.fileStates, host, entry)
	}
	return entry, req, err
}

// request is the state of one get: the registry, the selected credentials and everything
// derived from them.
type request struct {
	h        *Helper
	st       *state
	reg      registry.Registry
	choice   profile.Choice
	key      tokencache.Key
	client   *awsclient.Client // nil before connect
	pace     pace              // for WithRetryLimit
	renewing bool              // renewing a login that is still valid
	lockEnd  time.Time         // end of the wait for other processes
	writing  sync.WaitGroup

	// The SSO session of the identity, if any, and its token file.
	sso        awsconfig.SSO
	tokenFile  string
	roleFile   string        // the AWS CLI's cache file for the SSO role's credentials
	stale      secret.Secret // a session token that the portal rejected
	signIn     awscache.SignIn
	fileStates fileStates // the files that the result depends on, including the token file

	// The credentials of an ambient identity, set by complete.
	ambient *awscache.Credentials
}

// newRequest prepares a get. It does not write files or use the network.
func (h *Helper) newRequest(st *state, reg registry.Registry, choice profile.Choice) (*request, error) {
	r := &request{h: h, pace: pace{now: h.now}, st: st, reg: reg, choice: choice, fileStates: st.fileStates}
	endpoint, err := awsclient.Endpoint(st.options(choice.Profile), reg)
	if err != nil {
		return nil, r.describe(err)
	}
	r.key = tokencache.Key{Host: reg.Host, Identity: choice.Identity, Endpoint: endpoint}
	if choice.TokenFileKey != "" {
		if err := r.files(); err != nil {
			return nil, err
		}
		r.sso = choice.SSO
		r.recordSignIn()
	}
	if choice.Origin.Kind == awsconfig.FromLogin {
		r.recordLogin()
	}
	return r, nil
}

// files sets the paths of the AWS CLI files that the identity uses.
func (r *request) files() (err error) {
	sso := r.choice.SSO
	key := awscache.RoleKey{Account: sso.Account, Role: sso.Role, Session: sso.Session, StartURL: sso.StartURL}
	if r.roleFile, err = awscache.RolePath(r.st.home, key); err == nil {
		r.tokenFile, err = awscache.TokenPath(r.st.home, r.choice.TokenFileKey)
	}
	if err != nil {
		return r.h.noHome()
	}
	return nil
}

// complete finishes an ambient identity. It gets the credentials of the container or
// instance and adds a digest of their access key ID. The helper's role calls do not change
// this ID; it changes only with the machine's credentials. end is the deadline.
func (r *request) complete(ctx context.Context, end time.Time) error {
	if !r.choice.Ambient || r.ambient != nil {
		return nil
	}
	if err := r.connect(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, end.Sub(r.h.now()))
	defer cancel()
	creds, _, err := r.credentials(ctx)
	if err != nil {
		return r.describe(err)
	}
	r.ambient, r.key.Identity = &creds, r.key.Identity+"|"+credentialsDigest(creds)
	return nil
}

// cold gets a login from AWS and caches it.
func (r *request) cold(ctx context.Context, end time.Time) (tokencache.Entry, error) {
	defer r.writing.Wait()
	limit := end.Sub(r.h.now())
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r.lockEnd = r.h.now().Add(r.h.lockWait(limit))
	name := strings.Join([]string{r.key.Host, r.key.Identity, r.key.Endpoint, r.tokenFile}, "\x00")
	waiting := r.h.now()
	release, err := r.lockKey(ctx, name)
	if err != nil {
		return tokencache.Entry{}, r.describe(err)
	}
	defer release()
	// The previous holder of the lock has probably cached a login, perhaps after a sign-in.
	r.recordSignIn()
	if entry, ok, renew := r.cached(); ok && !renew {
		return entry, nil
	}
	if err := r.deniedSince(name, waiting); err != nil {
		return tokencache.Entry{}, r.describe(err)
	}
	if err := r.waitForNextTry(ctx, name, end); err != nil {
		return tokencache.Entry{}, r.describe(err)
	}
	// Connect only now: processes that find a cached login after the wait do not need to
	// load certificates.
	if err := r.connect(); err != nil {
		return tokencache.Entry{}, err
	}
	entry, err := r.fetch(ctx)
	if err != nil {
		r.share(name, err)
		return tokencache.Entry{}, err
	}
	r.pace.succeeded()
	// If the login cannot be cached, this get still succeeds, and the next one is slower.
	err = r.st.cache.Put(entry)
	switch {
	case errors.Is(err, tokencache.ErrNoKey):
		r.h.notCached(err)
	case err != nil:
		r.h.log.Debug("not cached", "registry", r.reg.Host, "error", err)
	}
	// If the user signs out or in during this get, the session's cached logins are erased,
	// but this one was not cached yet. No get would return it, but the password would
	// remain on disk, so remove it.
	if !r.sameSignIn() {
		r.st.cache.EraseSession(r.key.TokenFile, r.currentSignInID())
	}
	return entry, nil
}

// connect creates the client. It is called as late as possible because it loads
// certificates. The profile may have its own endpoints and certificates.
func (r *request) connect() error {
	if r.client != nil {
		return nil
	}
	client, err := r.st.client()
	if err == nil {
		client, err = client.WithProfile(r.choice.Profile)
	}
	if err != nil {
		return fileError(err)
	}
	r.client = client
	if r.h.retryLimit > 0 {
		r.client = client.WithPace(&r.pace)
	}
	return nil
}

// fetch calls AWS to get credentials and then the registry's login.
func (r *request) fetch(ctx context.Context) (tokencache.Entry, error) {
	creds, cached, err := r.credentials(ctx)
	if err != nil {
		return tokencache.Entry{}, r.describe(err)
	}
	if entry, ok := r.checkedEntry(creds); ok {
		return entry, nil
	}
	auth, err := r.client.AuthorizationToken(ctx, r.reg, creds)
	if cached && refusesKeys(err) {
		// The cached role credentials were revoked, or they belong to a session that has
		// ended. Get new ones once.
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
		Profile: r.choice.Profile, TokenFile: r.key.TokenFile, SignIn: r.key.SignIn,
		Username: auth.Username, Password: auth.Password,
		IssuedAt: r.h.now(), ExpiresAt: auth.ExpiresAt,
	}
	r.setRecheck(&entry, creds)
	r.schedule(&entry)
	return entry, nil
}

// credentials returns the AWS credentials of the selected identity, and whether they came
// from the role cache on disk.
func (r *request) credentials(ctx context.Context) (awscache.Credentials, bool, error) {
	if r.ambient != nil {
		return *r.ambient, false, nil
	}
	if r.h.webIdentity != nil {
		creds, err := r.webIdentityCredentials(ctx)
		return creds, false, err
	}
	switch r.choice.Kind {
	case profile.SSO:
		return r.role(ctx)
	case profile.SDKProfile:
		creds, err := r.profileCredentials(ctx)
		return creds, false, err
	}
	creds, err := r.client.ChainCredentials(ctx, r.reg.Region)
	return creds, false, err
}

// recordSignIn records the sign-in in the session's token file. It must run before the
// credentials are read. Otherwise, a login from an earlier sign-in could be cached under a
// later one.
func (r *request) recordSignIn() {
	if r.tokenFile == "" {
		return
	}
	r.fileStates = fileStates{slices.Clone(r.st.fileStates.files), r.st.fileStates.unsure}
	r.h.recordState(&r.fileStates, r.tokenFile)
	r.signIn = r.currentSignIn()
	r.key.TokenFile, r.key.SignIn = r.tokenFile, r.signIn.ID
}

// recordLogin records the `aws login` session of the identity, so that `aws logout` and a
// new `aws login` invalidate the logins that came from it.
func (r *request) recordLogin() {
	file := r.loginFile()
	r.fileStates = fileStates{slices.Clone(r.st.fileStates.files), r.st.fileStates.unsure}
	r.h.recordState(&r.fileStates, file)
	r.key.TokenFile, r.key.SignIn = file, awsclient.LoginSignIn(file)
}

// recordLateSignIn records the sign-in of token if another process completed it after
// recordSignIn ran. Otherwise, the login would not be cached, and each process that waits
// for the lock would call AWS. It reads the file again, because the file may already
// contain a later sign-in.
func (r *request) recordLateSignIn(token awscache.Token) {
	if r.signIn.ID != "" {
		return
	}
	before, key := r.fileStates, r.key
	r.recordSignIn()
	if now, err := r.token(); err != nil || !now.AccessToken.Equal(token.AccessToken) {
		r.fileStates, r.key, r.signIn = before, key, awscache.SignIn{}
	}
}

func (r *request) currentSignIn() awscache.SignIn {
	return awscache.CurrentSignIn(r.tokenFile, r.sessionLock(), r.sso.StartURL)
}

// sessionLock returns the path of the session's refresh lock, or "" if there is none.
func (r *request) sessionLock() string { return r.st.cache.TokenLock(r.tokenFile) }

// currentSignInID identifies the current sign-in of the identity's session: an SSO session or
// an `aws login` session.
func (r *request) currentSignInID() string {
	if r.choice.Origin.Kind == awsconfig.FromLogin {
		return awsclient.LoginSignIn(r.key.TokenFile)
	}
	return r.currentSignIn().ID
}

// sameSignIn reports whether the recorded sign-in is still current: the user has not signed
// out or in since.
func (r *request) sameSignIn() bool {
	return r.key.TokenFile == "" || r.key.SignIn != "" && r.currentSignInID() == r.key.SignIn
}
