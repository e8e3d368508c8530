package credhelper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// words turns what went wrong into what the person reads: the cause first, then
// the command that mends it. Errors that have their words already pass.
func (a *asker) words(err error) error {
	if errors.Is(err, context.Canceled) {
		return &cause{"interrupted", []error{err}}
	}
	if a.reg.Service == registry.Public {
		return a.anonymous(err)
	}
	return a.reason(err)
}

// anonymous is the error of ECR Public: whatever keeps us from a login, a pull of a
// public image goes on without one. That there is nothing to log in with is the usual
// case there, and not worth a line.
func (a *asker) anonymous(err error) error {
	if isKind(err, awsclient.NoCredentials) && a.who.Profile == "" {
		return &AnonymousError{Reason: ErrNoCredentials, Quiet: true}
	}
	return &AnonymousError{Reason: a.reason(err)}
}

// reason words an error without regard to what the client makes of it.
func (a *asker) reason(err error) error {
	if _, ok := errors.AsType[*hint.Error](err); ok {
		return err
	}
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok {
		return a.fault(fault, err)
	}
	return hint.With(err, hint.DoctorCommand(a.reg.Host))
}

// fault words what AWS, or what is between AWS and us, has to say. err is what
// the fault stands in.
func (a *asker) fault(fault *awsclient.Fault, err error) error {
	text, is, next := err.Error(), sentinel(fault.Kind), hint.DoctorCommand(a.reg.Host)
	switch fault.Kind {
	case awsclient.Forbidden:
		text = fmt.Sprintf("role %q in account %s is not open to you (portal: %d)", a.sso.Role, a.sso.Account, fault.Status)
		is, next = ErrNotAssigned, hint.ConfigureCommand(a.who.Profile)
	case awsclient.Denied:
		text, is = a.denied(fault), ErrDenied
	case awsclient.Expired:
		switch {
		case fault.Service == "signin":
			is, next = ErrNotSignedIn, hint.AWSLoginCommand(a.who.Origin.Profile)
		case a.tokenFile == "":
			text, is = fmt.Sprintf("the credentials of %s are expired or revoked (%s: %s)", a.name(), fault.Host, fault.Code), ErrDenied
			next = a.renewCommand()
		}
	case awsclient.NoCredentials:
		return a.nothing(err)
	case awsclient.Throttled:
		text = fmt.Sprintf("%s is throttling (%d %s, %d tries), try again in a minute", fault.Host, fault.Status, fault.Code, fault.Tries)
	case awsclient.ClockSkew:
		text = clockText(fault)
	case awsclient.TLS:
		text += fault.Aside()
	}
	next = cmp.Or(fault.Next(), next)
	return hint.With(&cause{text, []error{err, is}}, next)
}

// sentinel is the exported error for a kind of fault that has no words of its own.
func sentinel(kind awsclient.Kind) error {
	switch kind {
	case awsclient.Network, awsclient.Timeout, awsclient.TLS, awsclient.NotAWS:
		return ErrNetwork
	case awsclient.Throttled, awsclient.Server, awsclient.BadAnswer, awsclient.Empty:
		return ErrService
	}
	return nil
}

// denied words a permission that is lacking.
func (a *asker) denied(f *awsclient.Fault) string {
	if f.Service == "sts" {
		return fmt.Sprintf("%s may not assume its role (%s: %s)", a.name(), f.Host, f.Code)
	}
	return fmt.Sprintf("%s may not get a login from %s (%s; it needs %s)", a.name(), f.Host, f.Code, a.permission())
}

// clockText words a clock that is too far off for AWS to accept a signature.
func clockText(f *awsclient.Fault) string {
	where := "behind"
	if f.Skew < 0 {
		where = "ahead of"
	}
	return fmt.Sprintf("clock here is %s %s %s, which refuses that", hint.Span(f.Skew.Abs().Round(time.Minute)), where, f.Host)
}

// name says as whom AWS was asked.
func (a *asker) name() string {
	switch {
	case a.who.Kind == profile.SSO:
		return fmt.Sprintf("role %q in account %s", a.sso.Role, a.sso.Account)
	case a.who.Profile != "":
		return fmt.Sprintf("profile %q", a.who.Profile)
	default:
		return a.who.Source
	}
}

func (a *asker) permission() string {
	if a.reg.Service == registry.Public {
		return "ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken"
	}
	return "ecr:GetAuthorizationToken"
}

// sessionName names the session as the person knows it.
func (a *asker) sessionName() string {
	if a.sso.Session != "" {
		return fmt.Sprintf("%q", a.sso.Session)
	}
	return fmt.Sprintf("%s (profile %q)", a.sso.StartURL, a.sso.Profile)
}

func (a *asker) neverSignedIn() error {
	return hint.With(&cause{"no SSO token for session " + a.sessionName(), []error{ErrNotSignedIn}}, hint.LoginCommand(a.sso.Session, a.sso.Profile))
}

// noToken words an error of reading the session's token.
func (a *asker) noToken(err error) error {
	switch {
	case errors.Is(err, ssotoken.ErrMissing):
		return a.neverSignedIn()
	case errors.Is(err, ssotoken.ErrOtherStartURL):
		return hint.With(&cause{fmt.Sprintf("SSO session %s is signed in to another start URL than %s",
			a.sessionName(), a.sso.StartURL), []error{ErrNotSignedIn, err}}, hint.LoginCommand(a.sso.Session, a.sso.Profile))
	case errors.Is(err, safefile.ErrNotTrusted):
		return hint.With(&cause{fmt.Sprintf("SSO token of session %s is not used: %v", a.sessionName(), err),
			[]error{ErrNotSignedIn, err}}, a.trustCommand(err))
	}
	if fixed, ok := a.unreadable(err); ok {
		return fixed
	}
	return hint.With(&cause{fmt.Sprintf("SSO token of session %s cannot be read: %v", a.sessionName(), err),
		[]error{ErrNotSignedIn, err}}, hint.LoginCommand(a.sso.Session, a.sso.Profile))
}

func (a *asker) expired(t ssotoken.Token) error {
	return hint.With(&cause{fmt.Sprintf("SSO session %s expired %s", a.sessionName(), hint.Ago(a.h.now().Sub(t.ExpiresAt))),
		[]error{ErrSessionExpired}}, hint.LoginCommand(a.sso.Session, a.sso.Profile))
}

func (a *asker) refreshRefused(t ssotoken.Token, err error) error {
	fault, _ := errors.AsType[*awsclient.Fault](err)
	return hint.With(&cause{fmt.Sprintf("SSO session %s is over and was not renewed (%s: %s)",
		a.sessionName(), fault.Host, fault.Code), []error{ErrSessionExpired, err}}, hint.LoginCommand(a.sso.Session, a.sso.Profile))
}

func (a *asker) revoked() error {
	return hint.With(&cause{fmt.Sprintf("SSO session %s was revoked (portal: 401)", a.sessionName()),
		[]error{ErrSessionRevoked}}, hint.LoginCommand(a.sso.Session, a.sso.Profile))
}

// trustCommand makes the token file one that only its user can change.
func (a *asker) trustCommand(err error) string {
	if e, ok := errors.AsType[*safefile.NotTrustedError](err); ok && e.Owner {
		return "sudo chown " + strconv.Itoa(os.Geteuid()) + " " + hint.Arg(a.tokenFile)
	}
	return "chmod go-w " + hint.Arg(a.tokenFile)
}
