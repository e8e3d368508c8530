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

// request is one get: the registry, whose credentials answer, and what it needs.
type request struct {
	h       *Helper
	st      *state
	reg     registry.Registry
	choice  profile.Choice
	key     tokencache.Key
	client  *awsclient.Client // nil until connect
	lockEnd time.Time         // when waiting for other processes stops
	writing sync.WaitGroup

	// The SSO session behind the identity, if there is one, and its token file.
	sso       awsconfig.SSO
	tokenFile string
	roleFile  string        // the AWS CLI's file of the SSO role's credentials
	stale     secret.Secret // a token of it that the portal has refused
	signIn    ssotoken.SignIn
	looks     looks // what the answer depends on, the token file included

	// What an ambient identity's credentials were when it was completed.
	ambient *rolecache.Credentials
}

// newRequest prepares a get: no file is written and no packet sent.
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

// files names the AWS CLI's files that the identity uses.
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

// connect makes the client: not before it is needed, since it begins to read
// certificates. Endpoints and certificates may be the profile's own.
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

// complete makes an ambient identity whole: the container or the instance is asked
// for its credentials, next door, and the id of the key stands for whose they are.
// That is no key of a role call of ours: it changes when the machine's does.
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

// lock takes the lock of that name and returns how to give it back. All locks of
// a call share one waiting time. Without the lock (none to be had, as on some
// network file systems, or its holder is stuck) the work is done all the same,
// perhaps twice.
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

// recordSignIn finds out which sign-in the session's token file holds. It comes before
// credentials are asked for: what is cached then is never credited to a later
// sign-in than it came from.
func (r *request) recordSignIn() {
	if r.tokenFile == "" {
		return
	}
	r.looks = looks{slices.Clone(r.st.looks.files), r.st.looks.unsure}
	r.h.look(&r.looks, r.tokenFile)
	r.signIn = r.currentSignIn()
	r.key.TokenFile, r.key.SignIn = r.tokenFile, r.signIn.ID
}

// recordLateSignIn records the sign-in of token if there was none when recordSignIn
// looked: another process has completed it since. Without it the login would not be
// cached, and each process that waits for the lock would call AWS. The file is read
// again, so that the token is never credited to a later sign-in.
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

// sameSignIn reports whether the sign-in is still the one that was recognized:
// neither a logout nor another sign-in came in between.
func (r *request) sameSignIn() bool {
	return r.tokenFile == "" || r.signIn.ID != "" && r.currentSignIn().ID == r.signIn.ID
}
