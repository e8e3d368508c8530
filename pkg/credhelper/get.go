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

// Get returns the user name ("AWS") and the password for the registry that serverURL
// names. For a host that is not an ECR registry, the error is docker's "not found", and
// clients go on anonymously. Two cases return an *AnonymousError: ECR Public, whose
// images can be pulled without a login, and clients that stop at any other error
// (WithClient). Every other error has a text for the user.
func (h *Helper) Get(serverURL string) (username, password string, err error) {
	reg, alias, err := h.registry(serverURL)
	if err != nil {
		return "", "", notRegistry(err)
	}
	entry, _, err := h.getAs(h.ctx, reg, alias)
	if err != nil {
		return "", "", h.final(err)
	}
	return entry.Username, entry.Password.Reveal(), nil
}

// Login is like Get, and also returns what is known about the login. For a host that is
// not an ECR registry, the error is docker's "not found" too.
func (h *Helper) Login(ctx context.Context, host string) (Login, error) {
	reg, alias, err := h.registry(host)
	if err != nil {
		return Login{}, notRegistry(err)
	}
	entry, req, err := h.getAs(ctx, reg, alias)
	if err != nil {
		return Login{}, h.final(err)
	}
	login := newLogin(entry, req)
	if st, err := h.load(); err == nil {
		login.CacheUntil = h.cacheUntil(st, entry)
	}
	return login, nil
}

// newLogin makes a Login from a cache entry. req may be nil for a stored login.
func newLogin(entry tokencache.Entry, req *request) Login {
	login := Login{Username: entry.Username, Password: entry.Password.Reveal(), ExpiresAt: entry.ExpiresAt, Stored: entry.Stored}
	if !entry.Stored && req != nil {
		login.Identity = *req.identity()
	}
	return login
}

// get gets one login and logs the result.
func (h *Helper) get(ctx context.Context, reg registry.Registry) (tokencache.Entry, *request, error) {
	return h.getAs(ctx, reg, "")
}

// getAs is get for a client that used an alias of the registry, "" for none.
func (h *Helper) getAs(ctx context.Context, reg registry.Registry, alias string) (tokencache.Entry, *request, error) {
	entry, req, err := h.login(ctx, reg, cmp.Or(alias, reg.Host))
	if err != nil {
		h.log.Debug("get", "registry", reg.Host, "error", awsclient.Quiet(err))
		return tokencache.Entry{}, nil, err
	}
	h.log.Debug("get", "registry", reg.Host, "profile", entry.Profile, "identity", entry.Identity,
		"stored", entry.Stored, "issued", entry.IssuedAt, "until", entry.ExpiresAt)
	return entry, req, nil
}

// login tries, in this order: a stored login, the cache, AWS, and AWS after a sign-in.
// The request is nil for a stored login. host is the registry's, or the alias that the client
// used.
func (h *Helper) login(ctx context.Context, reg registry.Registry, host string) (tokencache.Entry, *request, error) {
	started := h.now()
	st, err := h.load()
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	st.cache.EraseOtherForms()
	// Logins saved by `docker login` come first.
	if entry, ok := st.cache.Stored(reg.Host); ok && h.webIdentity == nil {
		return h.writeWarm(st, st.fileStates, host, entry), nil, nil
	}
	choice, _, err := h.choose(st, reg)
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	req, err := h.newRequest(st, reg, choice)
	if err != nil {
		return tokencache.Entry{}, nil, err
	}
	if err := h.withDeadline(ctx, started.Add(h.limit(reg)), req.complete); err != nil {
		return tokencache.Entry{}, nil, err
	}
	// Read the cache before taking the lock, so that a get with a cached login never waits
	// for a get that calls AWS.
	entry, ok, renew := req.cached()
	h.log.Debug("chosen", "registry", reg.Host, "kind", choice.Kind.String(), "source", choice.Source, "profile", choice.Profile, "cached", ok)
	switch {
	case renew:
		entry = req.renewOr(ctx, entry)
	case !ok:
		if entry, err = req.cold(ctx, started.Add(h.limit(reg))); err != nil {
			// A user may be able to sign in. The lock is not held during the sign-in.
			if err = h.askForSignIn(ctx, req, started, err); err == nil {
				entry, err = req.cold(ctx, started.Add(signInDeadline))
			}
		}
	}
	if err == nil && st.settings.Ignored != nil {
		h.warn(st.settings.Ignored)
	}
	if err == nil && !choice.Ambient { // only the machine knows whose credentials these are
		h.writeWarm(st, req.fileStates, host, entry)
	}
	return entry, req, err
}

// cold gets the login from AWS and caches it.
func (r *request) cold(ctx context.Context, end time.Time) (tokencache.Entry, error) {
	defer r.writing.Wait()
	limit := end.Sub(r.h.now())
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r.lockEnd = r.h.now().Add(r.h.lockWait(limit))
	name := strings.Join([]string{r.key.Host, r.key.Identity, r.key.Endpoint, r.tokenFile}, "\x00")
	release, err := r.lockKey(ctx, name)
	if err != nil {
		return tokencache.Entry{}, r.describe(err)
	}
	defer release()
	// The process that held the lock has probably cached a login, perhaps after a
	// sign-in.
	r.recordSignIn()
	if entry, ok, renew := r.cached(); ok && !renew {
		return entry, nil
	}
	if err := r.keepPace(ctx, name, end); err != nil {
		return tokencache.Entry{}, r.describe(err)
	}
	// Connect only now: processes that find the login in the cache after the wait need
	// not load certificates.
	if err := r.connect(); err != nil {
		return tokencache.Entry{}, err
	}
	entry, err := r.fetch(ctx)
	if err != nil {
		return tokencache.Entry{}, err
	}
	r.pace.succeeded()
	// If the cache cannot be written, the next get is slower. This get still succeeds.
	err = r.st.cache.Put(entry)
	switch {
	case errors.Is(err, tokencache.ErrNoKey):
		r.h.notCached(err)
	case err != nil:
		r.h.log.Debug("not cached", "registry", r.reg.Host, "error", err)
	}
	// A logout or sign-in during this get has erased the session's older logins, but not
	// this one, which was not in the cache yet. No get would return it, but its password
	// would stay on disk.
	if !r.sameSignIn() {
		r.st.cache.EraseSession(r.key.TokenFile, r.signInNow())
	}
	return entry, nil
}

// fetch calls AWS: first for credentials, then for the registry's login.
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
		// The cached role credentials were revoked, or belong to a session that has
		// ended. Get new ones, once.
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
	r.setCheck(&entry, creds)
	r.schedule(&entry)
	return entry, nil
}

// credentials returns the AWS credentials of the chosen identity, and whether they came
// from the role cache on disk.
func (r *request) credentials(ctx context.Context) (awscache.Credentials, bool, error) {
	if r.ambient != nil {
		return *r.ambient, false, nil
	}
	if r.h.webIdentity != nil {
		c, err := r.webIdentityCredentials(ctx)
		return c, false, err
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

// request is one get: the registry, the chosen credentials, and what the get needs.
type request struct {
	h        *Helper
	st       *state
	reg      registry.Registry
	choice   profile.Choice
	key      tokencache.Key
	client   *awsclient.Client // nil before connect
	pace     pace              // of WithPatience
	renewing bool              // a valid login is renewed
	lockEnd  time.Time         // when waiting for other processes stops
	writing  sync.WaitGroup

	// The SSO session behind the identity, if there is one, and its token file.
	sso        awsconfig.SSO
	tokenFile  string
	roleFile   string        // the AWS CLI's file of the SSO role's credentials
	stale      secret.Secret // a token of the session that the portal refused
	signIn     awscache.SignIn
	fileStates fileStates // the files that the result depends on, with the token file

	// The credentials of an ambient identity when it was completed.
	ambient *awscache.Credentials
}

// newRequest prepares a get. It writes no file and sends nothing.
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

// files sets the paths of the AWS CLI's files that the identity uses.
func (r *request) files() (err error) {
	sso := r.choice.SSO
	key := awscache.RoleKey{Account: sso.Account, Role: sso.Role, Session: sso.Session}
	if sso.Session == "" {
		key.StartURL = sso.StartURL
	}
	if r.roleFile, err = awscache.RolePath(r.st.home, key); err == nil {
		r.tokenFile, err = awscache.TokenPath(r.st.home, r.choice.TokenFileKey)
	}
	if err != nil {
		return r.h.noHome()
	}
	return nil
}

// connect makes the client. It is called as late as possible, because it starts to load
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
	if r.h.patience > 0 {
		r.client = client.WithPace(&r.pace)
	}
	return nil
}

// complete finishes an ambient identity: it gets the credentials of the container or
// instance and adds a digest of their access key id. No role call of ours makes this
// id; it changes only when the machine's credentials do.
func (r *request) complete(ctx context.Context) error {
	if !r.choice.Ambient || r.ambient != nil {
		return nil
	}
	if err := r.connect(); err != nil {
		return err
	}
	creds, _, err := r.credentials(ctx)
	if err != nil {
		return r.describe(err)
	}
	r.ambient, r.key.Identity = &creds, r.key.Identity+"|"+credentialsDigest(creds)
	return nil
}

// recordSignIn records which sign-in the session's token file holds. It must run before
// the credentials are read: otherwise a login from an earlier sign-in could be cached
// under a later one.
func (r *request) recordSignIn() {
	if r.tokenFile == "" {
		return
	}
	r.fileStates = fileStates{slices.Clone(r.st.fileStates.files), r.st.fileStates.unsure}
	r.h.recordState(&r.fileStates, r.tokenFile)
	r.signIn = r.currentSignIn()
	r.key.TokenFile, r.key.SignIn = r.tokenFile, r.signIn.ID
}

// recordLogin records the `aws login` session behind the identity, so that `aws logout` and
// another `aws login` end the logins that came from it.
func (r *request) recordLogin() {
	file := r.loginFile()
	r.fileStates = fileStates{slices.Clone(r.st.fileStates.files), r.st.fileStates.unsure}
	r.h.recordState(&r.fileStates, file)
	r.key.TokenFile, r.key.SignIn = file, awsclient.LoginSignIn(file)
}

// recordLateSignIn records the sign-in of token if recordSignIn found none because
// another process has only now completed it. Otherwise the login would not be cached,
// and each process that waits for the lock would call AWS. It reads the file again,
// because the file may already hold a later sign-in than the token's.
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
	return awscache.CurrentSignIn(r.tokenFile, r.st.cache.LockPath("session", r.tokenFile), r.sso.StartURL)
}

// signInNow identifies the current sign-in of the session behind the identity: an SSO
// session, or one of `aws login`.
func (r *request) signInNow() string {
	if r.choice.Origin.Kind == awsconfig.FromLogin {
		return awsclient.LoginSignIn(r.key.TokenFile)
	}
	return r.currentSignIn().ID
}

// sameSignIn reports whether the session still has the recorded sign-in: no logout and
// no other sign-in happened since.
func (r *request) sameSignIn() bool {
	return r.key.TokenFile == "" || r.key.SignIn != "" && r.signInNow() == r.key.SignIn
}
