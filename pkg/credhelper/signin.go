package credhelper

import (
	"context"
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// DeadSession is an SSO session that only a person can bring back to life.
type DeadSession struct {
	Session awsconfig.Session // without a name for a legacy profile
	Profile string            // whose session it is
	Host    string            // the registry that is waiting
	Client  *awsclient.Client
	Config  *awsconfig.Config
	Logins  *tokencache.Cache // of the session before, which a sign-in ends
	Started time.Time         // when the get began
	// LoginLock and TokenLock are lock files, "" when there is no place for them.
	LoginLock, TokenLock string
	// Stale is a token that AWS does not take although it is not expired.
	Stale secret.Secret
}

// WithSignIn lets a Get whose SSO session is dead ask a person to sign in. ask
// returns nil once the session's token file holds a live token; an error of it is
// Get's. Processes that call it together have to agree on one sign-in. It is not
// called for ECR Public unless the profile was named (in a mapping or by
// AWS_PROFILE), for a client that asks about every registry (WithClient), when CI is
// set, nor when ECR_SSO_LOGIN or the settings say never; whether a person is there is
// for ask to find out: ErrNobody means that none is.
func WithSignIn(ask func(context.Context, DeadSession) error) Option {
	return func(h *Helper) { h.signIn = ask }
}

// ErrNobody says that there is nobody to ask; Get's error is then the session's.
var ErrNobody = errors.New("nobody is at the terminal")

// signInDeadline bounds a get with a sign-in in it: BuildKit gives a helper 60 s.
const signInDeadline = 58 * time.Second

// revive asks the person for a sign-in to the session that err says is dead, and
// then for the login again. It returns err when nobody can be asked.
func (h *Helper) revive(ask *asker, started time.Time, err error) error {
	if !h.mayAsk(ask, err) {
		return err
	}
	session, ok := h.deadSession(ask)
	if !ok {
		return err
	}
	session.Started = started
	if asked := h.signIn(h.ctx, session); errors.Is(asked, ErrNobody) {
		return err
	} else if asked != nil && ask.reg.Service == registry.Public && !errors.Is(asked, context.Canceled) {
		return &AnonymousError{Reason: asked}
	} else {
		return asked
	}
}

// mayAsk tells whether the error is one that a sign-in mends, and whether the
// person has not turned that off.
func (h *Helper) mayAsk(ask *asker, err error) bool {
	dead := errors.Is(err, ErrNotSignedIn) || errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrSessionRevoked)
	if h.signIn == nil || !dead || ask.reg.Service == registry.Public && !ask.who.Named() || h.passesOver() {
		return false
	}
	if h.env.Get(env.CI) != "" {
		return false
	}
	wish := h.env.Get(env.SSOLogin)
	if wish == "" {
		wish = ask.st.settings.Login
	}
	return wish == settings.LoginAuto // a value that makes no sense is no permission
}

// deadSession describes the session behind the question.
func (h *Helper) deadSession(ask *asker) (DeadSession, bool) {
	session, ok, err := ask.st.config.SessionOf(ask.sso.Profile)
	if err != nil || !ok {
		return DeadSession{}, false
	}
	client, err := ask.st.client()
	if err == nil {
		client, err = client.WithProfile(ask.who.Profile)
	}
	if err != nil {
		return DeadSession{}, false
	}
	d := DeadSession{
		Session: session, Profile: ask.sso.Profile, Host: ask.reg.Host, Client: client,
		Config: ask.st.config, Logins: ask.st.cache,
		LoginLock: ask.st.cache.LockPath("login", ask.tokenFile),
		TokenLock: ask.st.cache.LockPath("session", ask.tokenFile),
		Stale:     ask.stale,
	}
	return d, true
}
