package login

import (
	"context"
	"errors"
	"fmt"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// ErrTimeout means that the user did not complete the sign-in in time.
var ErrTimeout = errors.New("sign-in timed out")

// configureHint adds the command that corrects the session's start URL and region. The
// command needs flags, because configure does not ask for these values of an existing
// session.
func (f *flow) configureHint(err error, more ...string) error {
	args, session := []string{"configure"}, f.in.Session
	if f.in.Profile != "" {
		args = append(args, "--profile", f.in.Profile)
	}
	if session.Name != "" {
		args = append(args, "--sso-session", session.Name)
		if session.StartURL != "" && session.Region != "" {
			args = append(args, "--start-url", "START_URL", "--sso-region", "REGION")
		}
	}
	return hint.For(hint.CorrectSession, err, append([]string{hint.Command(args...)}, more...)...)
}

// notWritable means that the token cannot be saved. It contains the command that fixes
// that.
func (f *flow) notWritable(err error) error {
	err = fmt.Errorf("the token of %s cannot be saved: %w", f.label(), err)
	if _, next := safefile.Repair(f.tokenFile, f.command()); next != "" {
		return hint.With(err, next)
	}
	return safefile.ExplainWrite(f.tokenFile, err)
}

// stoppedError is the error of a sign-in that the user canceled: context.Canceled and the
// cause, without a command.
func (f *flow) stoppedError() error {
	return &causeError{"sign-in to " + f.label() + " was canceled", errors.Join(context.Canceled, context.Cause(f.caller))}
}

// describe adds the session and the command that fixes it to a sign-in error.
func (f *flow) describe(err error) error {
	if f.stopped() {
		return f.stoppedError()
	}
	device := f.command() + " --use-device-code"
	fault, _ := errors.AsType[*awsclient.Fault](err)
	switch {
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded) && fault == nil:
		return hint.For(hint.SignIn, &causeError{f.label() + ": " + ErrTimeout.Error(), ErrTimeout}, f.command(), device)
	case errors.Is(err, errPollExpired), fault != nil && fault.Kind == awsclient.ExpiredDevice:
		return hint.For(hint.SignInByCode, &causeError{"the code for " + f.label() + " expired before it was approved" + lastNetworkError(err), errors.Join(ErrTimeout, err)}, device)
	case fault != nil && fault.Kind == awsclient.AccessDenied:
		return hint.For(hint.SignIn, fmt.Errorf("sign-in to %s was denied: %w", f.label(), err), f.command())
	case fault != nil && (fault.Code == "invalid_request" || fault.Code == "InvalidRequestException"):
		// AWS's response to an unknown start URL.
		return f.configureHint(fmt.Errorf("sign-in to %s (start URL %s, region %s): %w", f.label(), f.in.Session.StartURL, f.region, err))
	case fault != nil && fault.Next() != "":
		return hint.With(fmt.Errorf("sign-in to %s: %w", f.label(), err), fault.Next())
	case fault != nil && fault.Kind == awsclient.Other && fault.Status == 0:
		// No packet was sent: there is no endpoint in the region, or none with FIPS or
		// dual-stack.
		return f.configureHint(fmt.Errorf("sign-in to %s: %w", f.label(), err))
	case fault != nil && isConnectionFault(fault.Kind):
		return hint.For(hint.CheckConnection, fmt.Errorf("sign-in to %s: %w%s", f.label(), err, fault.Aside()), hint.DoctorCommand(""))
	case errors.Is(err, ErrNoBrowser):
		return hint.For(hint.SignInByCode, fmt.Errorf("%s: %w", f.label(), err), device)
	}
	if _, ok := errors.AsType[*browserError](err); ok {
		return hint.For(hint.SignInByCode, fmt.Errorf("sign-in to %s: the browser could not be opened: %w", f.label(), err), device)
	}
	if f.in.Device {
		return hint.For(hint.SignInByCode, fmt.Errorf("%s: %w", f.label(), err), device)
	}
	return hint.For(hint.SignIn, fmt.Errorf("%s: %w", f.label(), err), f.command(), device)
}

// isConnectionFault reports whether the fault is in the connection to AWS, which another
// sign-in does not fix.
func isConnectionFault(kind awsclient.Kind) bool {
	switch kind {
	case awsclient.Network, awsclient.Timeout, awsclient.TLS, awsclient.NotAWS, awsclient.BadResponse, awsclient.Empty:
		return true
	}
	return false
}

// lastNetworkError returns the last poll's network error in parentheses.
func lastNetworkError(err error) string {
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok && pollResultOf(fault) == pollNetwork {
		return " (" + fault.Error() + ")"
	}
	return ""
}

// causeError has its own text and a cause for errors.Is.
type causeError struct {
	text  string
	cause error
}

func (e *causeError) Error() string { return e.text }
func (e *causeError) Unwrap() error { return e.cause }

// unknownClient reports whether the service or its page does not know the registered
// client.
func unknownClient(err error) bool {
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok {
		return fault.Kind == awsclient.InvalidClient
	}
	refused, ok := errors.AsType[*RefusedError](err)
	return ok && (refused.Code == "invalid_client" || refused.Code == "unauthorized_client")
}
