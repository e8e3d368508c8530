package credhelper

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// request is one get: the registry, the chosen credentials, and what the get needs.
type request struct {
	h       *Helper
	st      *state
	reg     registry.Registry
	choice  profile.Choice
	key     tokencache.Key
	client  *awsclient.Client // nil before connect
	lockEnd time.Time         // when waiting for other processes stops
	writing sync.WaitGroup

	// The SSO session behind the identity, if there is one, and its token file.
	sso       awsconfig.SSO
	tokenFile string
	roleFile  string        // the AWS CLI's file of the SSO role's credentials
	stale     secret.Secret // a token of the session that the portal refused
	signIn    ssotoken.SignIn
	looks     looks // the files that the result depends on, with the token file

	// The credentials of an ambient identity when it was completed.
	ambient *rolecache.Credentials
}

// newRequest prepares a get. It writes no file and sends nothing.
func (h *Helper) newRequest(st *state, reg registry.Registry, choice profile.Choice) (*request, error) {
	r := &request{h: h, st: st, reg: reg, choice: choice, looks: st.looks}
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
	return r, nil
}

// files sets the paths of the AWS CLI's files that the identity uses.
func (r *request) files() (err error) {
	s := r.choice.SSO
	key := rolecache.Key{Account: s.Account, Role: s.Role, Session: s.Session}
	if s.Session == "" {
		key.StartURL = s.StartURL
	}
	if r.roleFile, err = rolecache.Path(r.st.home, key); err == nil {
		r.tokenFile, err = ssotoken.Path(r.st.home, r.choice.TokenFileKey)
	}
	if err != nil {
		return r.h.homeless()
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
		return adviseFiles(err)
	}
	r.client = client
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
	c, _, err := r.credentials(ctx)
	if err != nil {
		return r.describe(err)
	}
	r.ambient, r.key.Identity = &c, r.key.Identity+"|"+credentialsDigest(c)
	return nil
}

// lock takes the lock of that name and returns a function that releases it. All locks of
// a call share one limit for waiting. If there is no lock (the network file system does
// not support it, or its holder is stuck) the work is done without it, perhaps twice.
func (r *request) lock(ctx context.Context, kind, name string) (release func()) {
	path := r.st.cache.LockPath(kind, name)
	if path == "" {
		return func() {}
	}
	wait, cancel := context.WithTimeout(ctx, r.lockEnd.Sub(r.h.now()))
	defer cancel()
	held, err := safefile.Lock(wait, path)
	if err != nil {
		r.h.log.Debug("going on without the lock", "kind", kind, "error", err)
		return func() {}
	}
	return held.Unlock
}

// recordSignIn records which sign-in the session's token file holds. It must run before
// the credentials are read: otherwise a login from an earlier sign-in could be cached
// under a later one.
func (r *request) recordSignIn() {
	if r.tokenFile == "" {
		return
	}
	r.looks = looks{slices.Clone(r.st.looks.files), r.st.looks.unsure}
	r.h.look(&r.looks, r.tokenFile)
	r.signIn = r.currentSignIn()
	r.key.TokenFile, r.key.SignIn = r.tokenFile, r.signIn.ID
}

// recordLateSignIn records the sign-in of token if recordSignIn found none because
// another process has only now completed it. Otherwise the login would not be cached,
// and each process that waits for the lock would call AWS. It reads the file again,
// because the file may already hold a later sign-in than the token's.
func (r *request) recordLateSignIn(token ssotoken.Token) {
	if r.signIn.ID != "" {
		return
	}
	before, key := r.looks, r.key
	r.recordSignIn()
	if now, err := r.token(); err != nil || !now.AccessToken.Equal(token.AccessToken) {
		r.looks, r.key, r.signIn = before, key, ssotoken.SignIn{}
	}
}

func (r *request) currentSignIn() ssotoken.SignIn {
	return ssotoken.CurrentSignIn(r.tokenFile, r.st.cache.LockPath("session", r.tokenFile), r.sso.StartURL)
}

// sameSignIn reports whether the session still has the recorded sign-in: no logout and
// no other sign-in happened since.
func (r *request) sameSignIn() bool {
	return r.tokenFile == "" || r.signIn.ID != "" && r.currentSignIn().ID == r.signIn.ID
}
