// Package configure sets up a machine. Run creates a profile of the AWS configuration
// that works with docker. Docker adds registries to the configuration of Docker or
// podman, or removes them.
//
// It writes nothing before all answers are known and, in Run, the sign-in has succeeded.
// It starts no program and prints nothing; the command does that. It may import the
// layers below it (layer 4).
package configure

import (
	"cmp"
	"context"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Asker asks questions on the terminal; *prompt.Terminal implements it.
type Asker interface {
	Text(ctx context.Context, q prompt.Question) (string, error)
	Choose(ctx context.Context, label string, rows []prompt.Row, current int) (int, error)
}

// Portal lists the accounts and roles of a token; *awsclient.Client implements it.
type Portal interface {
	ListAccounts(ctx context.Context, region string, token secret.Secret) ([]awsclient.Account, error)
	ListRoles(ctx context.Context, region string, token secret.Secret, account string) ([]string, error)
}

// Answer is the value of a flag. An empty value that is Given is an answer too: no SSO
// session, no region.
type Answer struct {
	Value string
	Given bool
}

// Resolved is the result of following a start URL.
type Resolved struct {
	Region string // the SSO region in the host name, "" if it has none
	Vanity bool   // a host that is not AWS's redirected here, so the region is certain
}

// Input is the input of Run. The answers are those of `aws configure sso`, in its order.
type Input struct {
	Profile, Session, StartURL, SSORegion, Scopes Answer
	Account, Role, Region, Output                 Answer

	// Flags are those flags of the command that are not answers, for the commands in errors.
	Flags []string

	// Env locates the files. Without Profile, its AWS_PROFILE is the profile to
	// configure, as in the AWS CLI.
	Env env.Set
	// Config is the current AWS configuration; the file Paths.Config is edited.
	Config *awsconfig.Config
	Now    func() time.Time // nil: time.Now

	// Ask is nil without a terminal. Then each question gets its current value or its
	// default. An answer without either must be Given.
	Ask Asker
	// Say shows a line of progress, Answer a line of the result.
	Say, Answer func(line string)

	// SignIn signs in to a session (to one without a Name by device code) and saves the
	// token in the AWS CLI's file.
	SignIn func(ctx context.Context, s awsconfig.Session) (awscache.Token, error)
	// Resolve follows the start URL of a session; nil: the URL is used unchanged.
	Resolve func(ctx context.Context, s awsconfig.Session) (Resolved, error)
	// Portal returns the portal's client for a session.
	Portal func(s awsconfig.Session) (Portal, error)

	// NoDocker skips Docker's configuration.
	NoDocker bool
	// Verify gets the login for the registry as Docker would, after profile was written;
	// nil: no check.
	Verify func(ctx context.Context, host, profile string) (Verified, error)
}

// Verified describes a login, without its secret.
type Verified struct {
	User  string
	Until time.Time // its expiry; zero if not known
	// Profile of the login; "" for other credentials, which Source names.
	Profile, Source string
	Account, Role   string // of the credentials; "" if not known
}

// Run sets up everything that `docker push` needs, and asks for each answer that was not
// given. It signs in, lists accounts and roles, writes the profile and its SSO session as
// `aws configure sso` does, adds the registry to Docker's configuration and gets a login.
// It writes nothing before the sign-in. With the same answers a second run changes
// nothing.
//
// Errors before the sign-in: *MissingAnswersError, *AnswerError and
// *awsconfig.UnreadableError. prompt.ErrInterrupted has a text that says what is saved.
// The other errors are those of the functions and files of the Input. An error of
// Docker's configuration or of Verify comes after the profile was written.
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
func Run(ctx context.Context, in Input) error {
	w := newWizard(in)
	if err := w.checkGiven(); err != nil {
		return err
	}
	if err := w.checkComplete(); err != nil {
		return err
	}
	// Before the sign-in, check that the profile can be written and that the AWS CLI can
	// use it.
	if err := awsconfig.CheckCLI(in.Config.Paths.Config); err != nil {
		return err
	}
	return w.describeInterrupt(w.run(ctx))
}

// run asks, signs in and writes.
func (w *wizard) run(ctx context.Context) error {
	if err := w.askSession(ctx); err != nil {
		return err
	}
	if err := w.signIn(ctx); err != nil {
		return err
	}
	if err := w.chooseAccount(ctx); err != nil {
		return err
	}
	if err := w.chooseRole(ctx); err != nil {
		return err
	}
	if err := w.askProfile(ctx); err != nil {
		return err
	}
	if err := w.write(); err != nil {
		return err
	}
	w.written = true
	w.sayHowToUse()
	return w.finish(ctx)
}

// wizard is the state of one Run.
type wizard struct {
	Input
	named   string         // the profile to configure, "" until it is known
	current awsconfig.Keys // the keys of the profile, offered as current values

	session  awsconfig.Session
	known    *awsconfig.Session // the session as configured; nil for a new one
	scopes   string             // as typed; "" when not asked
	token    awscache.Token
	reused   bool // the token is from an earlier sign-in
	account  string
	role     string
	region   string
	output   string
	profile  string
	written  bool // the profile is in the file
	newShape bool // a session that needs a new sign-in
}

func newWizard(in Input) *wizard {
	if in.Now == nil {
		in.Now = time.Now
	}
	w := &wizard{Input: in, named: cmp.Or(in.Env.Get(env.AWSProfile), in.Env.Get(env.AWSDefaultProfile))}
	if in.Profile.Given {
		w.named = in.Profile.Value
	}
	w.StartURL.Value = completeStartURL(in.StartURL.Value)
	current := w.named
	if current == "" {
		current = defaultProfile
	}
	if p, ok := in.Config.Profile(current); ok {
		w.current = p.Keys()
	}
	return w
}

const (
	helper         = dockerconfig.Helper
	defaultProfile = "default"
)

// ask returns the answer that was given, else the user's, else the current value.
func (w *wizard) ask(ctx context.Context, given Answer, q prompt.Question) (string, error) {
	switch {
	case given.Given:
		return given.Value, nil
	case w.Ask == nil:
		return q.Current, nil
	}
	return w.Ask.Text(ctx, q)
}
