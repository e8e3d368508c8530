package login

import (
	"context"
	"errors"
	"fmt"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// ErrTimeout says that nobody completed the sign-in while it could be.
var ErrTimeout = errors.New("nobody signed in in time")

// command is the command that signs in to this session.
func (f *flow) command() string { return hint.LoginCommand(f.in.Session.Name, f.in.Profile) }

// configureHint names the command that corrects where the session is. A session that
// is configured is not asked for its start URL and region again, so they are flags.
func (f *flow) configureHint(err error, more ...string) error {
	args, s := []string{"configure"}, f.in.Session
	if f.in.Profile != "" {
		args = append(args, "--profile", f.in.Profile)
	}
	if s.Name != "" {
		args = append(args, "--sso-session", s.Name)
		if s.StartURL != "" && s.Region != "" {
			args = append(args, "--start-url", "START_URL", "--sso-region", "REGION")
		}
	}
	return hint.With(err, append([]string{hint.Command(args...)}, more...)...)
}

// notWritable says that the token has no place, with the command that makes one.
func (f *flow) notWritable(err error) error {
	err = fmt.Errorf("the token of %s cannot be saved: %w", f.label(), err)
	if next := safefile.Repair(f.file, f.command()); next != "" {
		return hint.With(err, next)
	}
	return err
}

// stopped reports whether somebody stopped the sign-in (Ctrl-C), as opposed to
// time that ran out. The context is asked and no error: what breaks off because
// of it does not always say so.
func (f *flow) stopped() bool { return errors.Is(f.caller.Err(), context.Canceled) }

// stop is the error of a sign-in that was stopped: context.Canceled and the
// cause. Whoever stopped it needs no advice.
func (f *flow) stop() error {
	return &causeError{"sign-in to " + f.label() + " was stopped", errors.Join(context.Canceled, context.Cause(f.caller))}
}

// explain words what ended the sign-in and adds the command that helps.
func (f *flow) explain(err error) error {
	if f.stopped() {
		return f.stop()
	}
	device := f.command() + " --use-device-code"
	fault, _ := errors.AsType[*awsclient.Fault](err)
	switch {
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded) && fault == nil:
		return hint.With(&causeError{f.label() + ": " + ErrTimeout.Error(), ErrTimeout}, f.command(), device)
	case errors.Is(err, errPollExpired), fault != nil && fault.Kind == awsclient.ExpiredDevice:
		return hint.With(&causeError{"the code for " + f.label() + " expired before it was approved" + lastTrouble(err), errors.Join(ErrTimeout, err)}, device)
	case fault != nil && fault.Kind == awsclient.AccessDenied:
		return hint.With(fmt.Errorf("sign-in to %s was refused: %w", f.label(), err), f.command())
	case fault != nil && (fault.Code == "invalid_request" || fault.Code == "InvalidRequestException"):
		// What AWS says to a start URL it does not know.
		return f.configureHint(fmt.Errorf("sign-in to %s (start URL %s, region %s): %w", f.label(), f.in.Session.StartURL, f.region, err))
	case fault != nil && fault.Next() != "":
		return hint.With(fmt.Errorf("sign-in to %s: %w", f.label(), err), fault.Next())
	case fault != nil && fault.Kind == awsclient.Other && fault.Status == 0:
		// No packet was sent: the region, or FIPS and dual-stack in it, make no endpoint.
		return f.configureHint(fmt.Errorf("sign-in to %s: %w", f.label(), err))
	case fault != nil && fault.Kind == awsclient.InsecureEndpoint && fault.Variable != "":
		return hint.With(fmt.Errorf("sign-in to %s: %w", f.label(), err), hint.UnsetCommand(fault.Variable))
	case fault != nil && between(fault.Kind):
		return hint.With(fmt.Errorf("sign-in to %s: %w%s", f.label(), err, fault.Aside()), hint.DoctorCommand(""))
	case errors.Is(err, ErrNoBrowser):
		return hint.With(fmt.Errorf("%s: %w", f.label(), err), device)
	}
	if _, ok := errors.AsType[*browserError](err); ok {
		return hint.With(fmt.Errorf("sign-in to %s: browser: %w", f.label(), err), device)
	}
	if f.in.Device {
		return hint.With(fmt.Errorf("%s: %w", f.label(), err), device)
	}
	return hint.With(fmt.Errorf("%s: %w", f.label(), err), f.command(), device)
}

// between reports whether the fault lies between us and AWS, where another try at
// signing in mends nothing.
func between(kind awsclient.Kind) bool {
	switch kind {
	case awsclient.Network, awsclient.Timeout, awsclient.TLS, awsclient.NotAWS, awsclient.BadAnswer, awsclient.Empty:
		return true
	}
	return false
}

// lastTrouble names the network error that the last poll met.
func lastTrouble(err error) string {
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok && judge(fault) == trouble {
		return " (" + fault.Error() + ")"
	}
	return ""
}

// causeError has a wording of its own and keeps its cause for errors.Is.
type causeError struct {
	text  string
	cause error
}

func (e *causeError) Error() string { return e.text }
func (e *causeError) Unwrap() error { return e.cause }

// unknownClient reports whether the service, or the page it showed, does not
// know the client that was registered.
func unknownClient(err error) bool {
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok {
		return fault.Kind == awsclient.InvalidClient
	}
	refused, ok := errors.AsType[*RefusedError](err)
	return ok && (refused.Code == "invalid_client" || refused.Code == "unauthorized_client")
}
