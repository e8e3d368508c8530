package credhelper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// The causes of a Helper's errors, for errors.Is. An error has at most one of them. The
// text of an error is for the user and ends with the command that fixes it (Commands).
// If AWS refused a request or was not reached, the error also contains an *AWSError
// (errors.As).
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
	// ErrProfile: the selected profile is missing or incomplete.
	ErrProfile = errors.New("profile not usable")
	// ErrNetwork: AWS was not reached: no connection, no response in time, an untrusted
	// certificate, or a response from another server (a captive portal). A later try may
	// succeed.
	ErrNetwork = errors.New("network")
	// ErrService: AWS failed: it is throttling, out of order, or sent a response that
	// cannot be read. A later try may succeed.
	ErrService = errors.New("service")
	// ErrNotStorable: this helper does not store such a login.
	ErrNotStorable = errors.New("not storable")
)

// Commands returns the commands that fix the cause of err, the best one first; nil if
// there is none.
func Commands(err error) []string { return hint.Next(err) }

// AWSError is a request to AWS that failed.
type AWSError struct {
	Service   string // such as "ecr", "sts", "sso" (the portal) or "sso-oidc"
	Operation string // such as "GetAuthorizationToken"
	Host      string
	Status    int    // HTTP status; 0 without a response
	Code      string // AWS's own error code; may be empty
	text      string
}

func (e *AWSError) Error() string { return e.text }

// cause is an error with a text for the user. It wraps one of the errors above and the
// original error.
type cause struct {
	text   string
	unwrap []error // nil members are ignored
}

func (c *cause) Error() string   { return c.text }
func (c *cause) Unwrap() []error { return c.unwrap }

// AnonymousError is docker's "not found" for a missing login that must not stop the
// client. Get returns it for ECR Public, whose images can be pulled without a login, and
// for clients that ask about registries that they do not need (WithClient).
type AnonymousError struct {
	Reason error // why there is no login
	Quiet  bool  // no need to report it: this machine has no credentials at all
}

// Error returns docker's text, which clients compare exactly.
func (e *AnonymousError) Error() string { return credentials.NewErrCredentialsNotFound().Error() }

// Unwrap returns docker's error and the reason.
func (e *AnonymousError) Unwrap() []error {
	return []error{credentials.NewErrCredentialsNotFound(), e.Reason}
}

// asksEveryEntry reports whether a client with this name asks about every entry of
// credHelpers and stops at any error other than "not found". These are podman's remote
// client (the only one on macOS and Windows, where it has the local client's name) and the
// Python clients (docker-py, docker-compose 1, and the SAM CLI, which is also distributed
// as a program of its own).
func asksEveryEntry(client string) bool {
	return strings.HasPrefix(client, "podman") || strings.HasPrefix(client, "python") || client == "sam"
}

// returnsNotFound reports whether a failed get returns "not found", so that the client goes on
// to its other registries. A settings file that cannot be read does not count.
func (h *Helper) returnsNotFound() bool {
	if h.patience > 0 {
		return false
	}
	b, _ := h.base()
	switch b.settings.OnError {
	case settings.OnErrorError:
		return false
	case settings.OnErrorNotFound:
		return true
	}
	return asksEveryEntry(h.client())
}

// final returns the error that the client gets.
func (h *Helper) final(err error) error {
	if credentials.IsErrCredentialsNotFound(err) || errors.Is(err, context.Canceled) || !h.returnsNotFound() {
		return err
	}
	return &AnonymousError{Reason: err}
}

// choiceError adds a text for the user and a command to an error of the profile choice.
// None of these errors leads to another profile: the selected one was intended.
func choiceError(err error, reg registry.Registry, config *awsconfig.Config) error {
	if e, ok := errors.AsType[*profile.AmbiguousError](err); ok {
		next := []string{hint.MapCommand(reg.Host, "")} // the user has to decide which one
		for _, name := range e.Profiles[:min(len(e.Profiles), hint.MaxQuoted)] {
			next = append(next, hint.MapCommand(reg.Host, name))
		}
		for _, role := range e.Roles[:min(len(e.Roles), hint.MaxQuoted)] {
			next = append(next, hint.MapRoleCommand(role))
		}
		return hint.With(&cause{e.Error(), []error{ErrAmbiguous, err}}, next...)
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

// cleanCommand returns a command that removes blanks and quotes from a variable without
// printing its value.
func cleanCommand(variable string) string {
	return fmt.Sprintf(`export %s="$(printf %%s "$%s" | tr -d "[:space:]\"'")"`, variable, variable)
}

// brokenProfile returns the profile whose section is incomplete; "" if err has another
// cause.
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

// noHome returns the error of a call that needs the home directory if there is none.
func (h *Helper) noHome() error {
	_, err := h.env.FindHome()
	return err
}

// fileError adds a command to the error of a file that every command needs: the settings
// or the AWS configuration. If the error has no command of its own, doctor shows which
// file it is.
func fileError(err error) error {
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
