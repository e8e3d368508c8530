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

// describe turns what went wrong into what the person reads: the cause first, then
// the command that mends it. Errors that have their words already pass.
func (r *request) describe(err error) error {
	if errors.Is(err, context.Canceled) {
		return &cause{"interrupted", []error{err}}
	}
	if r.reg.Service == registry.Public {
		return r.anonymous(err)
	}
	return r.reason(err)
}

// anonymous is the error of ECR Public: whatever keeps us from a login, a pull of a
// public image goes on without one. That there is nothing to log in with is the usual
// case there, and not worth a line.
func (r *request) anonymous(err error) error {
	if isKind(err, awsclient.NoCredentials) && r.choice.Profile == "" {
		return &AnonymousError{Reason: ErrNoCredentials, Quiet: true}
	}
	return &AnonymousError{Reason: r.reason(err)}
}

// reason words an error without regard to what the client makes of it.
func (r *request) reason(err error) error {
	if _, ok := errors.AsType[*hint.Error](err); ok {
		return err
	}
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok {
		return r.fault(fault, err)
	}
	return hint.With(err, hint.DoctorCommand(r.reg.Host))
}

// fault words what AWS, or what is between AWS and us, has to say. err is what
// the fault stands in.
func (r *request) fault(fault *awsclient.Fault, err error) error {
	text, is, next := err.Error(), sentinel(fault.Kind), hint.DoctorCommand(r.reg.Host)
	switch fault.Kind {
	case awsclient.Forbidden:
		text = fmt.Sprintf("role %q in account %s is not open to you (portal: %d)", r.sso.Role, r.sso.Account, fault.Status)
		is, next = ErrNotAssigned, hint.ConfigureCommand(r.choice.Profile)
	case awsclient.Denied:
		text, is = r.denied(fault), ErrDenied
	case awsclient.Expired:
		switch {
		case fault.Service == "signin":
			is, next = ErrNotSignedIn, hint.AWSLoginCommand(r.choice.Origin.Profile)
		case r.tokenFile == "":
			text, is = fmt.Sprintf("the credentials of %s are expired or revoked (%s: %s)", r.name(), fault.Host, fault.Code), ErrDenied
			next = r.renewCommand()
		}
	case awsclient.NoCredentials:
		return r.nothing(err)
	case awsclient.Throttled:
		text = fmt.Sprintf("%s is throttling (%d %s, %d tries), try again in a minute", fault.Host, fault.Status, fault.Code, fault.Tries)
	case awsclient.ClockSkew:
		text = clockText(fault)
	case awsclient.TLS:
		text += fault.Aside()
	}
	next = cmp.Or(fault.Next(), next)
	aws := &AWSError{fault.Service, fault.Op, fault.Host, fault.Status, fault.Code, fault.Error()}
	return hint.With(&cause{text, []error{err, aws, is}}, next)
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
func (r *request) denied(f *awsclient.Fault) string {
	if f.Service == "sts" {
		return fmt.Sprintf("%s may not assume its role (%s: %s)", r.name(), f.Host, f.Code)
	}
	return fmt.Sprintf("%s may not get a login from %s (%s; it needs %s)", r.name(), f.Host, f.Code, r.permission())
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
func (r *request) name() string {
	switch {
	case r.choice.Kind == profile.SSO:
		return fmt.Sprintf("role %q in account %s", r.sso.Role, r.sso.Account)
	case r.choice.Profile != "":
		return fmt.Sprintf("profile %q", r.choice.Profile)
	default:
		return r.choice.Source
	}
}

func (r *request) permission() string {
	if r.reg.Service == registry.Public {
		return "ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken"
	}
	return "ecr:GetAuthorizationToken"
}

// sessionName names the session as the person knows it.
func (r *request) sessionName() string {
	if r.sso.Session != "" {
		return fmt.Sprintf("%q", r.sso.Session)
	}
	return fmt.Sprintf("%s (profile %q)", r.sso.StartURL, r.sso.Profile)
}

func (r *request) neverSignedIn() error {
	return hint.With(&cause{"no SSO token for session " + r.sessionName(), []error{ErrNotSignedIn}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

// noToken words an error of reading the session's token.
func (r *request) noToken(err error) error {
	switch {
	case errors.Is(err, ssotoken.ErrMissing):
		return r.neverSignedIn()
	case errors.Is(err, ssotoken.ErrOtherStartURL):
		return hint.With(&cause{fmt.Sprintf("SSO session %s is signed in to another start URL than %s",
			r.sessionName(), r.sso.StartURL), []error{ErrNotSignedIn, err}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
	case errors.Is(err, safefile.ErrNotTrusted):
		return hint.With(&cause{fmt.Sprintf("SSO token of session %s is not used: %v", r.sessionName(), err),
			[]error{ErrNotSignedIn, err}}, r.trustCommand(err))
	}
	if fixed, ok := r.unreadable(err); ok {
		return fixed
	}
	return hint.With(&cause{fmt.Sprintf("SSO token of session %s cannot be read: %v", r.sessionName(), err),
		[]error{ErrNotSignedIn, err}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

func (r *request) expired(t ssotoken.Token) error {
	return hint.With(&cause{fmt.Sprintf("SSO session %s expired %s", r.sessionName(), hint.Ago(r.h.now().Sub(t.ExpiresAt))),
		[]error{ErrSessionExpired}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

func (r *request) refreshRefused(t ssotoken.Token, err error) error {
	fault, _ := errors.AsType[*awsclient.Fault](err)
	return hint.With(&cause{fmt.Sprintf("SSO session %s is over and was not renewed (%s: %s)",
		r.sessionName(), fault.Host, fault.Code), []error{ErrSessionExpired, err}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

func (r *request) revoked() error {
	return hint.With(&cause{fmt.Sprintf("SSO session %s was revoked (portal: 401)", r.sessionName()),
		[]error{ErrSessionRevoked}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

// trustCommand makes the token file one that only its user can change.
func (r *request) trustCommand(err error) string {
	if e, ok := errors.AsType[*safefile.NotTrustedError](err); ok && e.Owner {
		return "sudo chown " + strconv.Itoa(os.Geteuid()) + " " + hint.Arg(r.tokenFile)
	}
	return "chmod go-w " + hint.Arg(r.tokenFile)
}
