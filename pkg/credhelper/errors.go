package credhelper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// The causes of a Helper's errors, for errors.Is. An error is one of these at most. The
// text of an error is for the user and ends with the command that fixes it (Commands).
// If AWS refused a request or was not reached, there is an *AWSError too (errors.As).
var (
	// ErrNotSignedIn: the SSO session has no token file.
	ErrNotSignedIn = errors.New("not signed in")
	// ErrSessionExpired: the SSO session's token expired and cannot be renewed.
	ErrSessionExpired = errors.New("session expired")
	// ErrSessionRevoked: the portal refused a token before its expiry.
	ErrSessionRevoked = errors.New("session revoked")
	// ErrNotAssigned: the SSO user may not use that role in that account.
	ErrNotAssigned = errors.New("role not assigned")
	// ErrDenied: ECR or STS refused the identity, or its credentials expired.
	ErrDenied = errors.New("denied")
	// ErrNoCredentials: no profile and no other credentials match the account.
	ErrNoCredentials = errors.New("no credentials")
	// ErrAmbiguous: several profiles match the account.
	ErrAmbiguous = errors.New("ambiguous profile")
	// ErrProfile: the profile that was chosen is missing or not complete.
	ErrProfile = errors.New("profile not usable")
	// ErrNetwork: AWS was not reached: no connection, no response in time, an untrusted
	// certificate, or the response did not come from AWS (a captive portal). A later
	// try may succeed.
	ErrNetwork = errors.New("network")
	// ErrService: AWS answered with an error of its own: it is throttling, out of order,
	// or sent a response that cannot be read. A later try may succeed.
	ErrService = errors.New("service")
	// ErrNotStorable: the login is not one that this helper stores.
	ErrNotStorable = errors.New("not storable")
)

// Commands returns the commands that fix the cause of err, the best one first; nil if
// none is known.
func Commands(err error) []string { return hint.Next(err) }

// AWSError is a request to AWS that failed.
type AWSError struct {
	Service   string // such as "ecr", "sts", "sso" (the portal) or "sso-oidc"
	Operation string // such as "GetAuthorizationToken"
	Host      string
	Status    int    // of HTTP; 0 without a response
	Code      string // AWS's own error code; may be empty
	text      string
}

func (e *AWSError) Error() string { return e.text }

// cause is an error in the person's words that is also one of the above and
// unwraps to what lies beneath.
type cause struct {
	text   string
	unwrap []error // nil members are passed over
}

func (c *cause) Error() string   { return c.text }
func (c *cause) Unwrap() []error { return c.unwrap }

// AnonymousError is docker's "not found" where a missing login must not stop the
// client: for ECR Public, whose images can be pulled without one, and for clients that
// ask about registries that they do not need (WithClient).
type AnonymousError struct {
	Reason error // why there is no login
	Quiet  bool  // the reason is not news: nothing on this machine could log in
}

// Error is docker's own text, which clients compare letter by letter.
func (e *AnonymousError) Error() string { return credentials.NewErrCredentialsNotFound().Error() }

// Unwrap returns docker's error and the reason.
func (e *AnonymousError) Unwrap() []error {
	return []error{credentials.NewErrCredentialsNotFound(), e.Reason}
}

// WithClient tells which program asks: the name of its executable file, in lower
// case. It is called at most once for a question, and only if the question cannot be
// answered. A client that asks about every registry of its configuration before it
// does anything (docs/decisions/0015) gets docker's "not found" for a login that
// cannot be had, as an *AnonymousError with the reason, and no sign-in is started for
// it. The settings' on_error overrules what the name says. By default the client is
// not known, and gets the error.
func WithClient(name func() string) Option { return func(h *Helper) { h.client = name } }

// asksEveryEntry reports whether a client of that name asks about every entry of
// credHelpers and stops at any answer but "not found": podman's remote client, which
// is the only one on macOS and Windows and has the local one's name there, and the
// Python clients (docker-py, docker-compose 1, the SAM CLI, which also comes as a
// program of its own).
func asksEveryEntry(client string) bool {
	return strings.HasPrefix(client, "podman") || strings.HasPrefix(client, "python") || client == "sam"
}

// passesOver reports whether a failed get has to let the client go on to its other
// registries. A settings file that cannot be read has no say.
func (h *Helper) passesOver() bool {
	b, _ := h.base()
	switch b.settings.OnError {
	case settings.OnErrorError:
		return false
	case settings.OnErrorNotFound:
		return true
	}
	return asksEveryEntry(h.client())
}

// final is the error that the client gets.
func (h *Helper) final(err error) error {
	if credentials.IsErrCredentialsNotFound(err) || errors.Is(err, context.Canceled) || !h.passesOver() {
		return err
	}
	return &AnonymousError{Reason: err}
}

// adviseChoice words the errors of the choice of a profile. None of them is a
// reason to try another one: what was chosen was meant.
func adviseChoice(err error, reg registry.Registry, config *awsconfig.Config) error {
	if e, ok := errors.AsType[*profile.AmbiguousError](err); ok {
		text := fmt.Sprintf("account %s matches profiles %s", e.Account, hint.Quoted(e.Profiles))
		next := []string{hint.MapCommand(reg.Host, "")} // which one, is not ours to propose
		for _, name := range e.Profiles[:min(len(e.Profiles), hint.MaxQuoted)] {
			next = append(next, hint.MapCommand(reg.Host, name))
		}
		return hint.With(&cause{text, []error{ErrAmbiguous, err}}, next...)
	}
	if e, ok := errors.AsType[*profile.MissingProfileError](err); ok {
		if absent := config.Absent(); absent != nil {
			text := fmt.Sprintf("no profile %q (%s): %v", e.Profile, e.Source, errors.Unwrap(absent))
			return hint.With(&cause{text, []error{ErrProfile, err}}, hint.Next(absent)...)
		}
		return hint.With(&cause{e.Error(), []error{ErrProfile, err}}, hint.ConfigureCommand(e.Profile))
	}
	if e, ok := errors.AsType[*awsconfig.AccountError](err); ok {
		next := hint.ConfigureCommand(e.Profile)
		if meant := e.Meant(); meant != "" {
			next += " --account-id " + meant
		}
		return hint.With(&cause{err.Error(), []error{ErrProfile, err}}, next)
	}
	if e, ok := errors.AsType[*profile.HalfSetError](err); ok {
		return hint.With(&cause{e.Error(), []error{ErrNoCredentials, err}}, hint.UnsetCommand(e.Set))
	}
	if e, ok := errors.AsType[*awsconfig.OriginError](err); ok {
		next := hint.DoctorCommand(reg.Host)
		if e.Unusable != "" {
			next = hint.ConfigureCommand(e.Unusable)
		}
		return hint.With(&cause{err.Error(), []error{ErrProfile, err}}, next)
	}
	if e, ok := errors.AsType[*profile.FlawedVariableError](err); ok {
		return hint.With(&cause{e.Error(), []error{ErrNoCredentials, err}}, cleanCommand(e.Variable))
	}
	if name := brokenProfile(err); name != "" {
		return hint.With(&cause{err.Error(), []error{ErrProfile, err}}, hint.ConfigureCommand(name))
	}
	return hint.With(err, hint.DoctorCommand(reg.Host))
}

// cleanCommand removes blanks and quotes from a variable without showing it.
func cleanCommand(variable string) string {
	return fmt.Sprintf(`export %s="$(printf %%s "$%s" | tr -d "[:space:]\"'")"`, variable, variable)
}

// brokenProfile names the profile whose section is not complete, "" if err is
// about something else.
func brokenProfile(err error) string {
	if e, ok := errors.AsType[*awsconfig.SessionMissingError](err); ok {
		return e.Profile
	}
	if e, ok := errors.AsType[*awsconfig.IncompleteError](err); ok {
		return e.Profile
	}
	if e, ok := errors.AsType[*awsconfig.ConflictError](err); ok {
		return e.Profile
	}
	return ""
}

// homeless is the error of a call that needs the home directory when there is
// none.
func (h *Helper) homeless() error {
	_, err := h.env.FindHome()
	if none, ok := errors.AsType[*env.NoDirError](err); ok {
		return hint.With(err, none.Command)
	}
	return err
}

// adviseFiles words what is wrong with a file that every command needs: our
// settings, the AWS configuration. Where the error does not know a command, doctor
// shows which file it is.
func adviseFiles(err error) error {
	if hint.Next(err) != nil {
		return err
	}
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		if fixed, ok := repairable(file.Path, err); ok {
			return fixed
		}
	}
	return hint.With(err, hint.DoctorCommand(""))
}
