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

// aws is what a get asks of AWS; awsclient.Client is it.
type aws interface {
	Open(context.Context, registry.Registry)
	Refresh(ctx context.Context, region string, t ssotoken.Token) (ssotoken.Grant, error)
	RoleCredentials(ctx context.Context, s awsconfig.SSO, tokenFile string, t ssotoken.Token) (rolecache.Credentials, error)
	ProfileCredentials(ctx context.Context, profile, tokenFile string, t ssotoken.Token, region string) (rolecache.Credentials, error)
	ChainCredentials(ctx context.Context, region string) (rolecache.Credentials, error)
	AuthorizationToken(context.Context, registry.Registry, rolecache.Credentials) (awsclient.Authorization, error)
}

// asker is one question on its way: which registry, as whom, and with what.
type asker struct {
	h       *Helper
	st      *state
	reg     registry.Registry
	who     profile.Choice
	key     tokencache.Key
	client  aws       // nil until connect
	lockEnd time.Time // when waiting for other processes stops
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

// asker prepares a question: no file is written and no packet sent.
func (h *Helper) asker(st *state, reg registry.Registry, who profile.Choice) (*asker, error) {
	a := &asker{h: h, st: st, reg: reg, who: who, looks: st.looks}
	endpoint, err := awsclient.Endpoint(st.options(who.Profile), reg)
	if err != nil {
		return nil, a.words(err)
	}
	a.key = tokencache.Key{Host: reg.Host, Identity: who.Identity, Endpoint: endpoint}
	if who.TokenFileKey != "" {
		if err := a.files(); err != nil {
			return nil, err
		}
		a.sso = who.SSO
		a.recognize()
	}
	return a, nil
}

// files names the AWS CLI's files that the identity uses.
func (a *asker) files() (err error) {
	s := a.who.SSO
	key := rolecache.Key{Account: s.Account, Role: s.Role, Session: s.Session}
	if s.Session == "" {
		key.StartURL = s.StartURL
	}
	if a.roleFile, err = rolecache.Path(a.st.home, key); err == nil {
		a.tokenFile, err = ssotoken.Path(a.st.home, a.who.TokenFileKey)
	}
	if err != nil {
		return a.h.homeless()
	}
	return nil
}

// connect makes the client: not before it is needed, since it begins to read
// certificates. Endpoints and certificates may be the profile's own.
func (a *asker) connect() error {
	if a.client != nil {
		return nil
	}
	client, err := a.st.client()
	if err == nil {
		client, err = client.WithProfile(a.who.Profile)
	}
	if err != nil {
		return adviseFiles(err)
	}
	a.client = client
	return nil
}

// complete makes an ambient identity whole: the container or the instance is asked
// for its credentials, next door, and the id of the key stands for whose they are.
// That is no key of a role call of ours: it changes when the machine's does.
func (a *asker) complete(ctx context.Context) error {
	if !a.who.Ambient || a.ambient != nil {
		return nil
	}
	if err := a.connect(); err != nil {
		return err
	}
	c, _, err := a.credentials(ctx)
	if err != nil {
		return a.words(err)
	}
	a.ambient, a.key.Identity = &c, a.key.Identity+"|"+credentialsDigest(c)
	return nil
}

// lock takes the lock of that name and returns how to give it back. All locks of
// a call share one waiting time. Without the lock (none to be had, as on some
// network file systems, or its holder is stuck) the work is done all the same,
// perhaps twice.
func (a *asker) lock(ctx context.Context, kind, name string) (release func()) {
	path := a.st.cache.LockPath(kind, name)
	if path == "" {
		return func() {}
	}
	wait, cancel := context.WithTimeout(ctx, a.lockEnd.Sub(a.h.now()))
	defer cancel()
	held, err := safefile.Lock(wait, path)
	if err != nil {
		a.h.log.Debug("going on without the lock", "kind", kind, "error", err)
		return func() {}
	}
	return held.Unlock
}

// recognize finds out which sign-in the session's token file holds. It comes before
// credentials are asked for: what is cached then is never credited to a later
// sign-in than it came from.
func (a *asker) recognize() {
	if a.tokenFile == "" {
		return
	}
	a.looks = looks{slices.Clone(a.st.looks.files), a.st.looks.unsure}
	a.h.look(&a.looks, a.tokenFile)
	a.signIn = a.currentSignIn()
	a.key.TokenFile, a.key.SignIn = a.tokenFile, a.signIn.ID
}

func (a *asker) currentSignIn() ssotoken.SignIn {
	return ssotoken.CurrentSignIn(a.tokenFile, a.st.cache.LockPath("session", a.tokenFile), a.sso.StartURL)
}

// sameSignIn reports whether the sign-in is still the one that was recognized:
// neither a logout nor another sign-in came in between.
func (a *asker) sameSignIn() bool {
	return a.tokenFile == "" || a.signIn.ID != "" && a.currentSignIn().ID == a.signIn.ID
}
