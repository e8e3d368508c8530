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
func (r *request) nothing(err error) error {
	text, next := "", ""
	switch {
	case r.choice.Profile != "":
		text, next = r.emptyProfile(), hint.ConfigureCommand(r.choice.Profile)
		if absent := r.st.config.Absent(); absent != nil {
			text, next = text+": "+errors.Unwrap(absent).Error(), hint.Next(absent)[0]
		}
	default:
		text, next = r.noProfile()
	}
	return hint.With(&cause{text, []error{err, ErrNoCredentials}}, next)
}

// emptyProfile words a chosen profile that names no credentials.
func (r *request) emptyProfile() string {
	text := fmt.Sprintf("profile %q (%s) has no credentials", r.choice.Profile, r.choice.Source)
	if p, ok := r.st.config.Profile(r.choice.Profile); ok && p.Keys().Get("sso_session")+p.Keys().Get("sso_start_url") != "" {
		text += ": it has an SSO session, but no sso_account_id and sso_role_name"
	}
	return text
}

// noProfile words an account that no profile is for. Often another profile may use
// its registry: a role of that account, or an account that the registry admits.
func (r *request) noProfile() (text, next string) {
	text = "no profile and no credentials for account " + r.reg.Account
	roles, all := r.candidates()
	switch {
	case len(roles) == 1:
		return text + fmt.Sprintf(", but profile %q has a role of it", roles[0]), hint.MapCommand(r.reg.Host, roles[0])
	case len(roles) > 1:
		return text + fmt.Sprintf(", but profiles %s have roles of it", hint.Quoted(roles)), hint.MapCommand(r.reg.Host, "")
	case len(all) == 1:
		return text + fmt.Sprintf(" (the only profile is %q)", all[0]), hint.MapCommand(r.reg.Host, all[0])
	case len(all) > 1:
		return text + fmt.Sprintf(" (profiles: %s)", hint.Quoted(all)), hint.MapCommand(r.reg.Host, "")
	}
	return text, hint.ConfigureCommand("")
}

// candidates returns the profiles that name credentials, in file order, and those of
// them that assume a role of the registry's account.
func (r *request) candidates() (roles, all []string) {
	for _, p := range r.st.config.Profiles {
		o, err := r.st.config.Origin(p.Name)
		if err != nil || o.Kind == awsconfig.NoOrigin {
			continue
		}
		all = append(all, p.Name)
		arn := o.WebIdentity.RoleARN
		if n := len(o.Roles); n > 0 {
			arn = o.Roles[n-1].ARN
		}
		if parts := strings.Split(arn, ":"); len(parts) > 4 && r.reg.Account != "" && parts[4] == r.reg.Account {
			roles = append(roles, p.Name)
		}
	}
	return roles, all
}

// renewCommand replaces credentials that AWS does not take any more.
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

// needsMFA returns an error for a role that wants a code from the person. The AWS
// CLI can ask for it; a credential helper has no terminal of its own.
func (r *request) needsMFA() error {
	i := slices.IndexFunc(r.choice.Origin.Roles, func(r awsconfig.Role) bool { return r.MFASerial != "" })
	if i < 0 {
		return nil
	}
	text := fmt.Sprintf("profile %q needs an MFA code (mfa_serial), which cannot be entered here", r.choice.Origin.Roles[i].Profile)
	return hint.With(&cause{text, []error{ErrProfile}}, hint.ExportCommand(r.choice.Profile))
}

// noLogin returns the error for a profile of `aws login` without a session.
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
