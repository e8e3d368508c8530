package credhelper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// describe converts an error to a message for the user: the cause, then the command that
// fixes it. It does not change errors that already have such a message.
func (r *request) describe(err error) error {
	if errors.Is(err, context.Canceled) {
		return &cause{"interrupted", []error{err}}
	}
	if r.reg.Service == registry.Public {
		return r.anonymous(err)
	}
	return r.reason(err)
}

// anonymous returns the error for ECR Public. Public images can be pulled without a login,
// so a pull continues whatever the error is. If the machine has no credentials at all,
// which is common, the error is Quiet.
func (r *request) anonymous(err error) error {
	if isKind(err, awsclient.NoCredentials) && r.choice.Profile == "" {
		return &AnonymousError{Reason: ErrNoCredentials, Quiet: true}
	}
	return &AnonymousError{Reason: r.reason(err)}
}

// reason returns the message for an error. It is the same for all clients.
func (r *request) reason(err error) error {
	if _, ok := errors.AsType[*hint.Error](err); ok {
		return err
	}
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok {
		return r.fault(fault, err)
	}
	return hint.With(err, hint.DoctorCommand(r.reg.Host))
}

// fault returns the message for an error from AWS or from the network or a proxy in
// between. err wraps the fault.
func (r *request) fault(fault *awsclient.Fault, err error) error {
	text, is, next := err.Error(), sentinel(fault.Kind), hint.DoctorCommand(r.reg.Host)
	switch fault.Kind {
	case awsclient.Forbidden:
		text = fmt.Sprintf("role %q in account %s is not assigned to you (portal: %d)", r.sso.Role, r.sso.Account, fault.Status)
		is, next = ErrNotAssigned, hint.ConfigureCommand(r.choice.Profile)
	case awsclient.Denied:
		text, is = r.denied(fault), ErrDenied
	case awsclient.Expired:
		switch {
		case fault.Service == "signin":
			is, next = ErrNotSignedIn, hint.AWSLoginCommand(r.choice.Origin.Profile)
		case r.tokenFile == "":
			text, is = fmt.Sprintf("the credentials of %s have expired or were revoked (%s: %s)", r.name(), fault.Host, fault.Code), ErrDenied
			next = r.renewCommand()
		}
	case awsclient.NoCredentials:
		return r.noCredentials(err)
	case awsclient.Throttled:
		text = fmt.Sprintf("%s is throttling requests (%d %s, %d tries), try again in a minute", fault.Host, fault.Status, fault.Code, fault.Tries)
	case awsclient.TLS:
		text += fault.Aside()
	}
	if w := r.h.webIdentity; w != nil {
		if fault.Service == "sts" && fault.Code == invalidToken {
			text, is = w.refusal(fault), ErrDenied
		}
		next = cmp.Or(w.command(fault, r.reg.Service), next)
	}
	next = cmp.Or(fault.Next(), next)
	aws := &AWSError{fault.Service, fault.Op, fault.Host, fault.Status, fault.Code, fault.Error()}
	return hint.With(&cause{text, []error{err, aws, is}}, next)
}

// sentinel returns the exported error for a fault whose message needs no changes.
func sentinel(kind awsclient.Kind) error {
	switch kind {
	case awsclient.Network, awsclient.Timeout, awsclient.TLS, awsclient.NotAWS:
		return ErrNetwork
	case awsclient.Throttled, awsclient.Server, awsclient.BadResponse, awsclient.Empty:
		return ErrService
	}
	return nil
}

// denied returns the message for a missing permission.
func (r *request) denied(f *awsclient.Fault) string {
	if w := r.h.webIdentity; w != nil && f.Service == "sts" {
		return w.refusal(f)
	}
	identity := r.name()
	if r.choice.Profile == "" && r.choice.Kind != profile.SSO && r.h.webIdentity == nil {
		identity = "the identity of " + identity
	}
	if f.Service == "sts" {
		return fmt.Sprintf("%s is not allowed to assume its role (%s: %s)", identity, f.Host, f.Code)
	}
	return fmt.Sprintf("%s is not allowed to call %s (%s: %s)", identity, r.permission(), f.Host, f.Code)
}

// name returns the name of the credentials in use.
func (r *request) name() string {
	switch {
	case r.choice.Kind == profile.SSO:
		return fmt.Sprintf("role %q in account %s", r.sso.Role, r.sso.Account)
	case r.choice.Profile != "":
		return fmt.Sprintf("profile %q", r.choice.Profile)
	case r.h.webIdentity != nil:
		return r.choice.Source // service account "NAME"
	default:
		return "the " + r.choice.Source // "the environment keys"
	}
}

func (r *request) permission() string {
	if r.reg.Service == registry.Public {
		return "ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken"
	}
	return "ecr:GetAuthorizationToken"
}

// sessionName returns the session name that the user knows.
func (r *request) sessionName() string {
	if r.sso.Session != "" {
		return fmt.Sprintf("%q", r.sso.Session)
	}
	return fmt.Sprintf("%s (profile %q)", r.sso.StartURL, r.sso.Profile)
}

func (r *request) neverSignedIn() error {
	return hint.With(&cause{"not signed in to SSO session " + r.sessionName(), []error{ErrNotSignedIn}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

// noToken returns the error for a session whose token cannot be read.
func (r *request) noToken(err error) error {
	switch {
	case errors.Is(err, awscache.ErrMissing):
		return r.neverSignedIn()
	case errors.Is(err, awscache.ErrOtherStartURL):
		return hint.With(&cause{fmt.Sprintf("SSO session %s is signed in to another start URL than %s",
			r.sessionName(), r.sso.StartURL), []error{ErrNotSignedIn, err}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
	case errors.Is(err, safefile.ErrNotTrusted):
		return hint.With(&cause{fmt.Sprintf("SSO token of session %s is not used: %v", r.sessionName(), err),
			[]error{ErrNotSignedIn, err}}, r.trustCommand(err))
	}
	if fixed, ok := r.unreadable(err); ok {
		return fixed
	}
	if safefile.Busy(err) { // the session may be valid, so do not suggest a sign-in
		return hint.With(&cause{fmt.Sprintf("SSO token of session %s is in use by another program: %v", r.sessionName(), err),
			[]error{err}}, hint.DoctorCommand(r.reg.Host))
	}
	return hint.With(&cause{fmt.Sprintf("SSO token of session %s cannot be read: %v", r.sessionName(), err),
		[]error{ErrNotSignedIn, err}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

func (r *request) expired(token awscache.Token) error {
	return hint.With(&cause{fmt.Sprintf("SSO session %s expired %s", r.sessionName(), hint.Ago(r.h.now().Sub(token.ExpiresAt))),
		[]error{ErrSessionExpired}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

func (r *request) refreshRefused(err *awscache.RefusedError) error {
	return hint.With(&cause{fmt.Sprintf("SSO session %s has expired and could not be refreshed (%s: %s)",
		r.sessionName(), err.Host, err.Code), []error{ErrSessionExpired, err}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

func (r *request) revoked() error {
	return hint.With(&cause{fmt.Sprintf("SSO session %s was revoked (portal: 401)", r.sessionName()),
		[]error{ErrSessionRevoked}}, hint.LoginCommand(r.sso.Session, r.sso.Profile))
}

// trustCommand returns the command that makes the token file writable only by the user.
func (r *request) trustCommand(err error) string {
	if e, ok := errors.AsType[*safefile.NotTrustedError](err); ok && e.Owner {
		return "sudo chown " + strconv.Itoa(os.Geteuid()) + " " + hint.Arg(r.tokenFile)
	}
	return "chmod go-w " + hint.Arg(r.tokenFile)
}

// noCredentials returns the error for an account without AWS credentials.
func (r *request) noCredentials(err error) error {
	var text, next string
	if r.choice.Profile != "" {
		text, next = r.emptyProfile(), hint.ConfigureCommand(r.choice.Profile)
	} else {
		text, next = r.noProfile()
	}
	if absent := r.st.config.Absent(); absent != nil {
		text, next = text+": "+errors.Unwrap(absent).Error(), hint.Next(absent)[0]
	}
	if none, ok := errors.AsType[*env.NoDirError](r.h.noHome()); ok && r.st.config.Paths.Config == "" {
		text, next = text+": "+none.Error(), none.Command
	}
	return hint.With(&cause{text, []error{err, ErrNoCredentials}}, next)
}

// emptyProfile returns the message for a selected profile that has no credentials.
func (r *request) emptyProfile() string {
	text := fmt.Sprintf("profile %q (%s) has no credentials", r.choice.Profile, r.choice.Source)
	if p, ok := r.st.config.Profile(r.choice.Profile); ok && p.Keys().Get("sso_session")+p.Keys().Get("sso_start_url") != "" {
		text += ": it has an SSO session, but no sso_account_id and sso_role_name"
	}
	return text
}

// noProfile returns the message for an account without a profile that can be selected
// automatically. Often another profile can access the registry: one of several profiles of
// that account, one that would run a program, or one in another account that has access to
// the registry.
func (r *request) noProfile() (text, next string) {
	text = "no profile and no credentials for account " + r.reg.Account
	var members, all []string
	var broken error
	why := ""
	for _, m := range r.st.config.Members(r.reg.Account) {
		if m.Err == nil {
			members, why = append(members, m.Profile), describeMember(m)
		} else if broken == nil {
			broken = m.Err
		}
	}
	for _, p := range r.st.config.Profiles {
		if o, err := r.st.config.Origin(p.Name); err == nil && o.Kind != awsconfig.NoOrigin {
			all = append(all, p.Name)
		}
	}
	switch {
	case len(members) == 1:
		return text + fmt.Sprintf(", but profile %q %s", members[0], why), hint.MapCommand(r.reg.Host, members[0])
	case len(members) > 1:
		return text + fmt.Sprintf(", but profiles %s are for this account", hint.Quoted(members)), hint.MapCommand(r.reg.Host, "")
	case broken != nil:
		err := choiceError(broken, r.reg, r.st.config)
		return text + ": " + errors.Unwrap(err).Error(), hint.Next(err)[0]
	case len(all) == 1:
		return text + fmt.Sprintf(" (the only profile is %q)", all[0]), hint.MapCommand(r.reg.Host, all[0])
	case len(all) > 1:
		return text + fmt.Sprintf(" (profiles: %s)", hint.Quoted(all)), hint.MapCommand(r.reg.Host, "")
	}
	return text, hint.ConfigureCommand("")
}

// describeMember describes how a profile of the account gets its credentials.
func describeMember(m awsconfig.Member) string {
	switch {
	case m.Origin.Kind == awsconfig.FromProcess:
		return "is for this account and would run a program (credential_process)"
	case m.Role != "":
		return "has a role in it"
	}
	return "is for it"
}

// renewCommand returns the command that replaces credentials rejected by AWS.
func (r *request) renewCommand() string {
	switch {
	case r.choice.Source == profile.SourceKeys:
		var set []string
		for _, v := range [...]env.Var{
			env.AWSAccessKeyID, env.AWSAccessKey, env.AWSSecretAccessKey, env.AWSSecretKey, env.AWSSessionToken, env.AWSSecurityToken,
		} {
			if r.h.env.Get(v) != "" {
				set = append(set, v.Name())
			}
		}
		return hint.UnsetCommand(set...)
	case r.choice.Origin.Kind == awsconfig.FromKeys:
		return "aws configure --profile " + hint.Arg(r.choice.Origin.Profile)
	case r.choice.Origin.Kind == awsconfig.FromLogin:
		return hint.AWSLoginCommand(r.choice.Origin.Profile)
	}
	return hint.DoctorCommand(r.reg.Host)
}

// unusable returns an error for a profile that cannot be used as it is.
func (r *request) unusable() error { return cmp.Or(r.needsMFA(), r.flawedKeys()) }

// needsMFA returns an error for a role that requires an MFA code. The AWS CLI can prompt
// for the code; a credential helper has no terminal.
func (r *request) needsMFA() error {
	i := slices.IndexFunc(r.choice.Origin.Roles, func(r awsconfig.Role) bool { return r.MFASerial != "" })
	if i < 0 {
		return nil
	}
	text := fmt.Sprintf("profile %q needs an MFA code (mfa_serial), which cannot be entered here", r.choice.Origin.Roles[i].Profile)
	return hint.With(&cause{text, []error{ErrProfile}}, hint.ExportCommand(r.choice.Profile))
}

// flawedKeys returns an error for keys in a file that cannot be sent in a request.
func (r *request) flawedKeys() error {
	origin := r.choice.Origin
	if origin.Kind != awsconfig.FromKeys {
		return nil
	}
	for _, key := range [...]struct{ name, value string }{
		{"aws_access_key_id", origin.Keys.AccessKeyID},
		{"aws_secret_access_key", origin.Keys.SecretAccessKey.Reveal()},
		{"aws_session_token", origin.Keys.SessionToken.Reveal()},
	} {
		if flaw := env.Flaw(key.value); flaw != "" {
			text := fmt.Sprintf("%s of profile %q %s", key.name, origin.Profile, flaw)
			return hint.With(&cause{text, []error{ErrProfile}}, r.renewCommand())
		}
	}
	return nil
}

// noLogin returns the error for an `aws login` profile without a session.
func (r *request) noLogin() error {
	if r.choice.Origin.Kind != awsconfig.FromLogin {
		return nil
	}
	if _, err := os.Stat(r.loginFile()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f := awsclient.NoLoginSession(r.choice.Origin)
	return r.fault(f, f)
}

// repairable adds the reason why a file cannot be read and the command that fixes it. ok is
// false if the file's owner and mode are not the problem.
func repairable(path string, err error) (error, bool) {
	if !errors.Is(err, fs.ErrPermission) {
		return err, false
	}
	why, command := safefile.Repair(path, "")
	if command == "" {
		return err, false
	}
	return hint.With(fmt.Errorf("%w: %s", err, why), command), true
}

// unreadable returns the error for a token file that the user is not allowed to read. ok is
// false for other errors.
func (r *request) unreadable(err error) (error, bool) {
	fixed, ok := repairable(r.tokenFile, err)
	if !ok {
		return err, false
	}
	text := fmt.Sprintf("SSO token of session %s cannot be read: %v", r.sessionName(), errors.Unwrap(fixed))
	return hint.With(&cause{text, []error{ErrNotSignedIn, err}}, hint.Next(fixed)...), true
}

// notRenewed returns the error for a session that was not refreshed because its token file
// cannot be written. ok is false for other errors, such as AWS errors.
func (r *request) notRenewed(err error) (error, bool) {
	if _, fault := errors.AsType[*awsclient.Fault](err); fault {
		return err, false
	}
	why, next := safefile.Repair(r.tokenFile, hint.LoginCommand(r.sso.Session, r.sso.Profile)+" --if-needed")
	next = cmp.Or(next, hint.DoctorCommand(r.reg.Host))
	switch {
	case why != "" && errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: %s", err, why)
	case errors.Is(err, safefile.ErrNotTrusted):
	case errors.Is(err, syscall.EROFS):
		next = hint.LoginCommand(r.sso.Session, r.sso.Profile) // to run where the file system is writable
		err = fmt.Errorf("%w; sign in on a system that can write it", err)
	case errors.Is(err, syscall.ENOSPC):
		command, _ := safefile.WriteFix(r.tokenFile, err)
		next = cmp.Or(command, next)
	case errors.Is(err, fs.ErrPermission):
	default:
		return err, false
	}
	text := fmt.Sprintf("SSO session %s must be refreshed, but its token file cannot be written: %v", r.sessionName(), err)
	return hint.With(&cause{text, []error{err}}, next), true
}
