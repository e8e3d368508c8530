package cli

import (
	"cmp"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// Parts shared by several commands: the configuration, an AWS client, and the sign-in.

// config reads the AWS configuration.
func (a app) config() (*awsconfig.Config, error) {
	return awsconfig.Load(awsconfig.DefaultPaths(a.env, a.env.HomeDir()))
}

// client returns an AWS client with the endpoint and certificate settings of a profile; ""
// means the profile selected by the environment.
func (a app) client(config *awsconfig.Config, profile string) (*awsclient.Client, error) {
	return awsclient.New(awsclient.Options{
		Env: a.env, Home: a.env.HomeDir(), Config: config, Profile: profile, UserAgent: userAgent(), Logger: a.log,
	})
}

// selectedProfile returns the profile selected by the environment, or "".
func selectedProfile(e env.Set) string {
	return cmp.Or(e.Get(env.AWSProfile), e.Get(env.AWSDefaultProfile))
}

// locks returns the lock files for signing in to a session and for its token file. They are
// "" if there is no directory for them. get uses the same files.
func (a app) locks(tokenFile string) (signIn, token string) {
	cache := tokencache.Open(a.env.CacheDir(), time.Now)
	return cache.LockPath("login", tokenFile), cache.LockPath("session", tokenFile)
}

// signIn returns the input for signing in to the session.
func (a app) signIn(client *awsclient.Client, session awsconfig.Session, tokenFile string, screen login.Screen) login.Input {
	in := login.Input{
		Session: session, Home: a.env.HomeDir(), OIDC: client, Screen: screen,
		Browser: login.Browser{Env: a.env, Terminal: prompt.Available()}, Now: time.Now,
		HTTP: client.Web(), Logins: tokencache.Open(a.env.CacheDir(), time.Now),
	}
	in.LoginLock, in.TokenLock = a.locks(tokenFile)
	return in
}

// screen returns the screen that shows a sign-in on stderr. The waiting line is shown only
// on a terminal.
func (a app) screen() login.Screen {
	f := a.streams.err
	lines := login.Lines{W: f, Style: style.Of(f, a.env), Width: func() int { return style.Width(f) }}
	if style.CanMoveCursor(f, a.env) {
		return waitingLines{lines, waitingLine{out: f, every: frameTime, spin: true}}
	}
	return lines
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
