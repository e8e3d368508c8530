package configure

import (
	"cmp"
	"context"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// Asker asks the person; *prompt.Terminal is one.
type Asker interface {
	Text(ctx context.Context, q prompt.Question) (string, error)
	Choose(ctx context.Context, label string, rows []prompt.Row, current int) (int, error)
}

// Portal lists what the signed-in person may use; *awsclient.Client is one.
type Portal interface {
	ListAccounts(ctx context.Context, region string, token secret.Secret) ([]awsclient.Account, error)
	ListRoles(ctx context.Context, region string, token secret.Secret, account string) ([]string, error)
}

// Answer is an answer that was given beforehand, by a flag. An empty one that is
// Given is an answer too: no SSO session, no region.
type Answer struct {
	Value string
	Given bool
}

// Resolved is where a start URL leads.
type Resolved struct {
	Region string // the SSO region that its host names, "" when it names none
	Vanity bool   // the host is not AWS's and redirects there: its region is certain
}

// ConfigureInput is what Configure works with. The answers are those of the AWS
// CLI's `aws configure sso`, in its order.
type ConfigureInput struct {
	Profile, Session, StartURL, SSORegion, Scopes Answer
	Account, Role, Region, Output                 Answer

	// Env says where the files are; its AWS_PROFILE is the profile to configure
	// without Profile, as in the AWS CLI.
	Env env.Set
	// Config is the AWS configuration as it is; its Paths.Config is written.
	Config *awsconfig.Config
	Now    func() time.Time // nil: time.Now

	// Ask is nil when nobody can be asked: what has a current value or a default
	// takes it then, and what has none must be given.
	Ask Asker
	// Say shows a line on the way, Answer one of the result.
	Say, Answer func(line string)

	// SignIn signs in to a session, one without a Name by device code, and keeps
	// the token in the AWS CLI's file.
	SignIn func(ctx context.Context, s awsconfig.Session) (ssotoken.Token, error)
	// Resolve follows the start URL of a session; nil: it is taken as it is.
	Resolve func(ctx context.Context, s awsconfig.Session) (Resolved, error)
	// Portal returns the portal's client for a session.
	Portal func(s awsconfig.Session) (Portal, error)

	// NoDocker leaves Docker's configuration alone.
	NoDocker bool
	// Verify asks for the registry's login as Docker would, after profile was written
	// for it; nil: nobody does.
	Verify func(ctx context.Context, host, profile string) (Verified, error)
}

// Verified is a login that was had, without its secret.
type Verified struct {
	User  string
	Until time.Time // zero when it is not known
	// Profile whose login it is; "" when it came from elsewhere, by Source.
	Profile, Source string
	Account, Role   string // that it was had with, "" when not known
}

// Configure leads from nothing to a working `docker push`, asking what was not
// given: it signs in, lets the person choose account and role, writes the
// profile and its SSO session as `aws configure sso` does, enters the registry
// in Docker's configuration and tries a login. Nothing is written before the
// sign-in; run again with the same answers it changes nothing.
//
// Errors: *MissingAnswersError, *AnswerError and *awsconfig.UnreadableError before
// anything has happened;
// prompt.ErrInterrupted, which says what is saved; those of the functions and files. An error of Docker's
// configuration or of Verify comes after the profile was written.
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
func Configure(ctx context.Context, in ConfigureInput) error {
	w := newWizard(in)
	if err := w.checkGiven(); err != nil {
		return err
	}
	if err := w.checkComplete(); err != nil {
		return err
	}
	// Before a sign-in whose profile could not be written, or be used with the AWS CLI.
	if err := awsconfig.CheckCLI(in.Config.Paths.Config); err != nil {
		return err
	}
	return w.stopped(w.run(ctx))
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

// wizard is one run of Configure.
type wizard struct {
	ConfigureInput
	named   string         // the profile to configure, "" while it is not known
	current awsconfig.Keys // the keys of the profile whose values are offered

	session  awsconfig.Session
	known    *awsconfig.Session // the session as configured; nil for a new one
	scopes   string             // as typed; "" when not asked
	token    ssotoken.Token
	reused   bool // the token is from an earlier sign-in
	account  string
	role     string
	region   string
	output   string
	profile  string
	written  bool // the profile is in the file
	newShape bool // a session that must be signed in to afresh
}

func newWizard(in ConfigureInput) *wizard {
	if in.Now == nil {
		in.Now = time.Now
	}
	w := &wizard{ConfigureInput: in, named: cmp.Or(in.Env.Get(env.AWSProfile), in.Env.Get(env.AWSDefaultProfile))}
	if in.Profile.Given {
		w.named = in.Profile.Value
	}
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

// ask returns the answer that was given, else the person's, else the current
// value.
func (w *wizard) ask(ctx context.Context, given Answer, q prompt.Question) (string, error) {
	switch {
	case given.Given:
		return given.Value, nil
	case w.Ask == nil:
		return q.Current, nil
	}
	return w.Ask.Text(ctx, q)
}
