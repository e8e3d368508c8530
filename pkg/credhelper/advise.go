package credhelper

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

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
