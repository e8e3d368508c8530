package cli

import (
	"cmp"
	"errors"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// What several commands share: the configuration, a client of AWS, and a sign-in.

// home returns the home directory for a command that works on the AWS CLI's
// files: without one there is no place for them.
func (a app) home() (string, error) {
	home, err := a.env.FindHome()
	if none, ok := errors.AsType[*env.NoDirError](err); ok {
		err = hint.With(err, none.Command)
	}
	return home, err
}

// config reads the AWS configuration.
func (a app) config() (*awsconfig.Config, error) {
	return awsconfig.Load(awsconfig.DefaultPaths(a.env, a.env.HomeDir()))
}

// client makes the client that talks to AWS with the endpoint and certificate
// settings of a profile; "" is the profile that the environment selects.
func (a app) client(config *awsconfig.Config, profile string) (*awsclient.Client, error) {
	client, err := awsclient.New(awsclient.Options{
		Env: a.env, Home: a.env.HomeDir(), Config: config, Profile: profile, UserAgent: userAgent(), Logger: a.log,
	})
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok && fault.Variable != "" {
		return nil, hint.With(err, hint.UnsetCommand(fault.Variable))
	}
	return client, err
}

// selectedProfile is the profile that the environment selects, "" for none.
func selectedProfile(e env.Set) string {
	return cmp.Or(e.Get(env.AWSProfile), e.Get(env.AWSDefaultProfile))
}

// locks returns the lock files of a session's sign-in and of its token file, ""
// when there is no place for them. get uses the same.
func (a app) locks(tokenFile string) (signIn, token string) {
	cache := tokencache.Open(a.env.CacheDir(), time.Now)
	return cache.LockPath("login", tokenFile), cache.LockPath("session", tokenFile)
}

// signIn prepares a sign-in to the session.
func (a app) signIn(client *awsclient.Client, s awsconfig.Session, tokenFile string, screen login.Screen) login.Input {
	in := login.Input{
		Session: s, Home: a.env.HomeDir(), OIDC: client, Screen: screen,
		Browser: login.Browser{Env: a.env, Terminal: prompt.Available()}, Now: time.Now,
		HTTP: client.Web(), Logins: tokencache.Open(a.env.CacheDir(), time.Now),
	}
	in.LoginLock, in.TokenLock = a.locks(tokenFile)
	return in
}

// screen shows a sign-in on stderr: with a line that moves on a terminal, in
// plain lines elsewhere.
func (a app) screen() login.Screen {
	plain := login.Plain{W: a.streams.err}
	if isTerminal(a.streams.err) && a.env.Get(env.Term) != "dumb" {
		return moving{plain}
	}
	return plain
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
