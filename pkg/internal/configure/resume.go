package configure

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
)

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
