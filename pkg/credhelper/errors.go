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

// Causes of Helper errors, for errors.Is. An error has at most one of these causes. Its
// text is a message for the user that ends with the command that fixes it (see Commands).
// If an AWS call failed, the error also contains an *AWSError (errors.As).
var (
	// ErrNotSignedIn means that the SSO session has no token file.
	ErrNotSignedIn = errors.New("not signed in")
	// ErrSessionExpired means that the SSO session's token has expired and cannot be
	// refreshed.
	ErrSessionExpired = errors.New("session expired")
	// ErrSessionRevoked means that the portal rejected a token before it expired.
	ErrSessionRevoked = errors.New("session revoked")
	// ErrNotAssigned means that the role is not assigned to the SSO user in that account.
	ErrNotAssigned = errors.New("role not assigned")
	// ErrDenied means that ECR or STS denied the request, or that the credentials have
	// expired.
	ErrDenied = errors.New("denied")
	// ErrNoCredentials means that no profile and no other credentials match the account.
	ErrNoCredentials = errors.New("no credentials")
	// ErrAmbiguous means that several profiles match the account.
	ErrAmbiguous = errors.New("ambiguous profile")
	// ErrProfile means that the selected profile does not exist or is incomplete.
	ErrProfile = errors.New("profile not usable")
	// ErrNetwork means that AWS could not be reached: no connection, a timeout, an
	// untrusted certificate, or a response from another server (a captive portal). A retry
	// may succeed.
	ErrNetwork = errors.New("network")
	// ErrService means that AWS is throttling or unavailable, or returned an invalid
	// response. A retry may succeed.
	ErrService = errors.New("service")
	// ErrNotStorable means that the helper does not store this login.
	ErrNotStorable = errors.New("not storable")
)

// Commands returns the commands that fix the cause of err, best one first, or nil if there
// are none.
func Commands(err error) []string { return hint.Next(err) }

// AWSError describes a failed AWS call.
type AWSError struct {
	Service   string // for example "ecr", "sts", "sso" (the portal) or "sso-oidc"
	Operation string // for example "GetAuthorizationToken"
	Host      string
	Status    int    // HTTP status; 0 if there was no response
	Code      string // AWS error code; may be empty
	text      string
}

func (e *AWSError) Error() string { return e.text }

// cause is an error with a message for the user. It wraps one of the errors above and the
// original error.
type cause struct {
	text   string
	unwrap []error // nil members are ignored
}

func (c *cause) Error() string   { return c.text }
func (c *cause) Unwrap() []error { return c.unwrap }

// AnonymousError is docker's "not found" for a missing login that must not stop the client.
// Get returns it for ECR Public, whose images can be pulled without a login, and for
// clients that request logins they do not need (WithClientName).
type AnonymousError struct {
	Reason error // why there is no login
	Quiet  bool  // do not report it: this machine has no credentials at all
}

// Error returns docker's text. Clients require an exact match.
func (e *AnonymousError) Error() string { return credentials.NewErrCredentialsNotFound().Error() }

// Unwrap returns docker's error and the reason.
func (e *AnonymousError) Unwrap() []error {
	return []error{credentials.NewErrCredentialsNotFound(), e.Reason}
}

// requestsEveryRegistry reports whether a client requests a login for every entry in
// credHelpers and stops at any error other than "not found". This applies to podman's
// remote client (used on macOS and Windows, where it has the local client's name) and to
// Python clients (docker-py, docker-compose 1, and the SAM CLI, which is also distributed
// as an executable), with CPython, PyPy or GraalPy as the interpreter.
func requestsEveryRegistry(client string) bool {
	for _, prefix := range []string{"podman", "python", "pypy", "graalpy"} {
		if strings.HasPrefix(client, prefix) {
			return true
		}
	}
	return client == "sam"
}

// returnsNotFound reports whether a failed get returns "not found", so that the client
// continues with its other registries. It ignores settings files that cannot be read.
func (h *Helper) returnsNotFound() bool {
	if h.retryLimit > 0 {
		return false
	}
	b, _ := h.base()
	switch b.settings.OnError {
	case settings.OnErrorError:
		return false
	case settings.OnErrorNotFound:
		return true
	}
	return requestsEveryRegistry(h.client())
}

// final returns the error that the client receives.
func (h *Helper) final(err error) error {
	if credentials.IsErrCredentialsNotFound(err) || errors.Is(err, context.Canceled) || !h.returnsNotFound() {
		return err
	}
	return &AnonymousError{Reason: err}
}

// choiceError adds a message and a command to an error from the profile selection. The
// helper never falls back to another profile, because the user intended the selected one.
func choiceError(err error, reg registry.Registry, config *awsconfig.Config) error {
	if e, ok := errors.AsType[*profile.AmbiguousError](err); ok {
		next := []string{hint.MapCommand(reg.Host, "")} // the user must select one
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

// cleanCommand returns a command that removes whitespace and quotes from a variable without
// printing its value.
func cleanCommand(variable string) string {
	return fmt.Sprintf(`export %s="$(printf %%s "$%s" | tr -d "[:space:]\"'")"`, variable, variable)
}

// brokenProfile returns the profile with an incomplete section, or "" if err has another
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

// noHome returns the error for a call that requires a home directory if there is none.
func (h *Helper) noHome() error {
	_, err := h.env.FindHome()
	return err
}

// fileError adds a command to an error about a file that every command needs: the settings
// or the AWS configuration. If the error has no command, it suggests doctor, which shows
// the file.
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
