// Package configure sets up a machine. Run creates an AWS profile that works with docker.
// Docker adds registries to Docker's or podman's configuration, or removes them.
//
// Nothing is written before all answers are known and, in Run, the sign-in has succeeded.
// The package does not start programs or print anything; the command does.
package configure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Asker asks questions on the terminal. *prompt.Terminal implements it.
type Asker interface {
	Text(ctx context.Context, q prompt.Question) (string, error)
	Choose(ctx context.Context, label string, rows []prompt.Row, current int) (int, error)
}

// Portal lists the accounts and roles of a token. *awsclient.Client implements it.
type Portal interface {
	ListAccounts(ctx context.Context, region string, token secret.Secret) ([]awsclient.Account, error)
	ListRoles(ctx context.Context, region string, token secret.Secret, account string) ([]string, error)
}

// Answer is a flag's value. An empty value with Given set is also an answer: no SSO
// session, or no region.
type Answer struct {
	Value string
	Given bool
}

// Resolved is the result of following a start URL.
type Resolved struct {
	Region string // the SSO region in the host name; "": none
	Vanity bool   // a non-AWS host redirected here, so the region is certain
}

// Input is the input of Run. The answers are those of `aws configure sso`, in its order.
type Input struct {
	Profile, Session, StartURL, SSORegion, Scopes Answer
	Account, Role, Region, Output                 Answer

	// Flags are the command's flags that are not answers, for the commands in errors.
	Flags []string

	// Env determines the location of the files. Without Profile, AWS_PROFILE selects the
	// profile to configure, as in the AWS CLI.
	Env env.Set
	// Config is the current AWS configuration. Run edits the file Paths.Config.
	Config *awsconfig.Config
	Now    func() time.Time // nil: time.Now

	// Ask is nil if there is no terminal. Each question then gets its current value or its
	// default. An answer that has neither must be Given.
	Ask Asker
	// Say prints a progress line, Answer a result line.
	Say, Answer func(line string)

	// SignIn signs in to a session (with a device code if it has no Name) and saves the
	// token in the AWS CLI's file.
	SignIn func(ctx context.Context, s awsconfig.Session) (awscache.Token, error)
	// Resolve follows a session's start URL; nil: use the URL unchanged.
	Resolve func(ctx context.Context, s awsconfig.Session) (Resolved, error)
	// Portal returns a session's portal client.
	Portal func(s awsconfig.Session) (Portal, error)

	// NoDocker skips Docker's configuration.
	NoDocker bool
	// Verify gets a login for the registry like Docker would, after the profile was
	// written; nil: no check.
	Verify func(ctx context.Context, host, profile string) (Verified, error)
}

// Verified describes a login without its secret.
type Verified struct {
	User  string
	Until time.Time // expiry; zero if unknown
	// Profile is the login's profile; "" for other credentials, described by Source.
	Profile, Source string
	Account, Role   string // of the credentials; "" if unknown
}

// Run sets up everything that `docker push` needs and asks for all answers that were not
// given. It signs in, lists accounts and roles, writes the profile and its SSO session like
// `aws configure sso`, adds the registry to Docker's configuration and gets a login. It
// writes nothing before the sign-in. A second run with the same answers changes nothing.
//
// Before the sign-in, it may return *MissingAnswersError, *AnswerError and
// *awsconfig.UnreadableError. The text of prompt.ErrInterrupted contains what was saved.
// Other errors come from the functions and files of the Input. Errors about Docker's
// configuration or from Verify come after the profile was written.
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
	if err := awsconfig.CheckEdit(in.Config.Paths.Config); err != nil {
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
	named   string         // the profile to configure; "" until it is known
	current awsconfig.Keys // the profile's keys, offered as current values

	session  awsconfig.Session
	known    *awsconfig.Session // the session as configured; nil for a new one
	scopes   string             // as typed; "" if not asked
	token    awscache.Token
	reused   bool // the token comes from an earlier sign-in
	account  string
	role     string
	region   string
	output   string
	profile  string
	written  bool // the profile was written
	newShape bool // a session that needs a new sign-in
}

func newWizard(in Input) *wizard {
	if in.Now == nil {
		in.Now = time.Now
	}
	w := &wizard{Input: in}
	w.named, _ = in.Env.Profile()
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

// ask returns the given answer, the user's answer, or the current value.
func (w *wizard) ask(ctx context.Context, given Answer, q prompt.Question) (string, error) {
	switch {
	case given.Given:
		return given.Value, nil
	case w.Ask == nil:
		return q.Current, nil
	}
	return w.Ask.Text(ctx, q)
}

// Commands that continue after an error: the user's own command with the answers so far as
// flags.

// resumeCommand returns the command that continues with the answers so far, except for the
// flags in without, whose questions are asked again.
func (w *wizard) resumeCommand(without ...string) string {
	args := append([]string{"configure"}, w.Flags...)
	if w.named != "" {
		args = append(args, "--profile", w.named)
	}
	args = append(args, "--sso-session", w.session.Name)
	isNew := w.known == nil // its answers are not in the configuration
	for _, flag := range []struct {
		name, value string
		known       bool
	}{
		{"start-url", w.session.StartURL, isNew || w.StartURL.Given},
		{"sso-region", w.session.Region, isNew || w.SSORegion.Given},
		{"registration-scopes", w.Scopes.Value, w.Scopes.Given},
		{"account-id", w.Account.Value, w.Account.Given},
		{"role-name", w.Role.Value, w.Role.Given},
		{"region", w.Region.Value, w.Region.Given},
		{"output", w.Output.Value, w.Output.Given},
	} {
		if flag.known && !slices.Contains(without, flag.name) {
			args = append(args, "--"+flag.name, flag.value)
		}
	}
	if w.NoDocker {
		args = append(args, "--no-docker")
	}
	return hint.Command(args...)
}

// describeInterrupt adds what was saved and how to continue to a Ctrl-C error.
func (w *wizard) describeInterrupt(err error) error {
	if !errors.Is(err, prompt.ErrInterrupted) && !errors.Is(err, context.Canceled) {
		return err
	}
	switch {
	case w.written:
		return &CanceledError{fmt.Sprintf("profile %q was saved in %s", w.profile, w.Config.Paths.Config), err}
	case w.token.AccessToken.Empty() || w.reused:
		return &CanceledError{"nothing was saved", err}
	}
	return hint.With(&CanceledError{"the sign-in was saved, the profile was not", err}, w.resumeCommand())
}

// CanceledError is the error of a command that the user canceled with Ctrl-C.
type CanceledError struct {
	Saved string // describes what was saved
	Err   error
}

func (e *CanceledError) Error() string { return "canceled; " + e.Saved }

// Unwrap returns the cause.
func (e *CanceledError) Unwrap() error { return e.Err }

// signInError suggests the user's own command instead of `login`, because it signs in too
// and then continues. If AWS could not be reached, it suggests doctor first, and asks for
// the region again: a misspelled region is part of a host name that does not exist. If AWS
// does not know the start URL or the region, it asks for both again.
func (w *wizard) signInError(err error) error {
	again := w.resumeCommand()
	device := again
	if !slices.Contains(w.Flags, deviceFlag) {
		device += " " + deviceFlag
	}
	switch hint.RemedyOf(err) {
	case hint.CheckConnection:
		return hint.With(err, hint.DoctorCommand(""), w.resumeCommand("sso-region"))
	case hint.CorrectSession:
		again = w.resumeCommand("start-url", "sso-region")
		if w.known != nil || w.Ask == nil { // there would be no question
			again += " --start-url START_URL --sso-region REGION"
		}
		return hint.With(err, append([]string{again}, hint.Next(err)[1:]...)...)
	case hint.SignInByCode:
		return hint.With(err, device)
	case hint.SignIn:
		if again == device {
			return hint.With(err, device)
		}
		return hint.With(err, again, device)
	}
	return err
}

const deviceFlag = "--use-device-code"
