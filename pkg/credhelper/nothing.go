package credhelper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
)

// nothing words that there are no credentials to ask AWS with.
func (a *asker) nothing(err error) error {
	text, next := "", ""
	switch {
	case a.who.Profile != "":
		text, next = a.emptyProfile(), hint.ConfigureCommand(a.who.Profile)
	default:
		text, next = a.noProfile()
		if absent := a.st.config.Absent(); absent != nil {
			text, next = text+": "+errors.Unwrap(absent).Error(), hint.Next(absent)[0]
		}
	}
	return hint.With(&cause{text, []error{err, ErrNoCredentials}}, next)
}

// emptyProfile words a chosen profile that names no credentials.
func (a *asker) emptyProfile() string {
	text := fmt.Sprintf("profile %q (%s) has no credentials", a.who.Profile, a.who.Source)
	if p, ok := a.st.config.Profile(a.who.Profile); ok && p.Keys().Get("sso_session")+p.Keys().Get("sso_start_url") != "" {
		text += ": it has an SSO session, but no sso_account_id and sso_role_name"
	}
	return text
}

// noProfile words an account that no profile is for. Often another profile may use
// its registry: a role of that account, or an account that the registry admits.
func (a *asker) noProfile() (text, next string) {
	text = "no profile and no credentials for account " + a.reg.Account
	roles, all := a.candidates()
	switch {
	case len(roles) == 1:
		return text + fmt.Sprintf(", but profile %q has a role of it", roles[0]), hint.MapCommand(a.reg.Host, roles[0])
	case len(roles) > 1:
		return text + fmt.Sprintf(", but profiles %s have roles of it", hint.Quoted(roles)), hint.MapCommand(a.reg.Host, "")
	case len(all) == 1:
		return text + fmt.Sprintf(" (the only profile is %q)", all[0]), hint.MapCommand(a.reg.Host, all[0])
	case len(all) > 1:
		return text + fmt.Sprintf(" (profiles: %s)", hint.Quoted(all)), hint.MapCommand(a.reg.Host, "")
	}
	return text, hint.ConfigureCommand("")
}

// candidates returns the profiles that name credentials, in file order, and those of
// them that assume a role of the registry's account.
func (a *asker) candidates() (roles, all []string) {
	for _, p := range a.st.config.Profiles {
		o, err := a.st.config.Origin(p.Name)
		if err != nil || o.Kind == awsconfig.NoOrigin {
			continue
		}
		all = append(all, p.Name)
		arn := o.WebIdentity.RoleARN
		if n := len(o.Roles); n > 0 {
			arn = o.Roles[n-1].ARN
		}
		if parts := strings.Split(arn, ":"); len(parts) > 4 && a.reg.Account != "" && parts[4] == a.reg.Account {
			roles = append(roles, p.Name)
		}
	}
	return roles, all
}

// renewCommand replaces credentials that AWS does not take any more.
func (a *asker) renewCommand() string {
	switch {
	case a.who.Source == profile.SourceKeys:
		var set []string
		for _, v := range [...]env.Var{
			env.AWSAccessKeyID, env.AWSAccessKey, env.AWSSecretAccessKey, env.AWSSecretKey, env.AWSSessionToken, env.AWSSecurityToken,
		} {
			if a.h.env.Get(v) != "" {
				set = append(set, v.Name())
			}
		}
		return hint.UnsetCommand(set...)
	case a.who.Origin.Kind == awsconfig.FromKeys:
		return "aws configure --profile " + hint.Arg(a.who.Origin.Profile)
	case a.who.Origin.Kind == awsconfig.FromLogin:
		return hint.AWSLoginCommand(a.who.Origin.Profile)
	}
	return hint.DoctorCommand(a.reg.Host)
}

// needsMFA returns an error for a role that wants a code from the person. The AWS
// CLI can ask for it; a credential helper has no terminal of its own.
func (a *asker) needsMFA() error {
	i := slices.IndexFunc(a.who.Origin.Roles, func(r awsconfig.Role) bool { return r.MFASerial != "" })
	if i < 0 {
		return nil
	}
	text := fmt.Sprintf("profile %q needs an MFA code (mfa_serial), which cannot be entered here", a.who.Origin.Roles[i].Profile)
	return hint.With(&cause{text, []error{ErrProfile}}, hint.ExportCommand(a.who.Profile))
}

// noLogin returns the error for a profile of `aws login` without a session.
func (a *asker) noLogin() error {
	if a.who.Origin.Kind != awsconfig.FromLogin {
		return nil
	}
	if _, err := os.Stat(a.loginFile()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f := awsclient.NoLoginSession(a.who.Origin)
	return a.fault(f, f)
}
