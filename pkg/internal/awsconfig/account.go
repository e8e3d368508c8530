package awsconfig

import "strings"

// The keys that identify the account of a profile, apart from sso_account_id.
const (
	byRole    = "role_arn"
	byLogin   = "login_session"
	byAccount = "aws_account_id"
)

// AccountKeys are these keys, in the order of preference among profiles.
var AccountKeys = [...]string{byRole, byLogin, byAccount}

// Member is a profile of an account that is not an SSO profile.
type Member struct {
	Profile string
	Key     string // the key that identifies the account; an element of AccountKeys
	Role    string // role name; "" if the profile has none
	Region  string
	Origin  Origin
	Err     error // why the profile cannot be used; Origin is empty then
}

// Members returns the non-SSO profiles of an account in file order. It finds the
// account in the last role ARN, otherwise in the `aws login` session, otherwise in
// aws_account_id.
func (c *Config) Members(account string) []Member {
	var found []Member
	for _, p := range c.Profiles {
		if account == "" || !p.mentions(account) {
			continue
		}
		if m, ok := c.member(p, account); ok {
			found = append(found, m)
		}
	}
	return found
}

func (c *Config) member(p *Profile, account string) (Member, bool) {
	keys := p.Keys()
	m := Member{Profile: p.Name, Region: lower(keys.Get("region"))}
	named, role := "", ""
	switch {
	case keys.Get(byRole) != "":
		m.Key = byRole
		named, role = accountAndRole(keys.Get(byRole))
	case keys.usesSSO():
		return m, false
	case keys.Get(byLogin) != "":
		m.Key = byLogin
		named, role = accountAndRole(keys.Get(byLogin))
	default:
		m.Key, named = byAccount, keys.Get(byAccount)
	}
	if named != account {
		return m, false
	}
	m.Role = role
	m.Origin, m.Err = c.Origin(p.Name)
	return m, m.Err != nil || m.Origin.Kind != NoOrigin
}

// accountAndRole returns the account of an IAM or STS ARN, and its role name without the
// path. The role name is "" if the ARN does not name a role.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func accountAndRole(arn string) (account, role string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || parts[2] != "iam" && parts[2] != "sts" {
		return "", ""
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	switch kind {
	case "role":
		role = rest[strings.LastIndexByte(rest, '/')+1:]
	case "assumed-role":
		role, _, _ = strings.Cut(rest, "/")
	}
	return parts[4], permissionSet(role)
}

// permissionSet returns the permission set name of a role that IAM Identity Center created,
// such as Push for AWSReservedSSO_Push_0123456789abcdef. The user knows the role by this
// name.
func permissionSet(role string) string {
	name, ok := strings.CutPrefix(role, "AWSReservedSSO_")
	if i := strings.LastIndexByte(name, '_'); ok && i > 0 && len(name)-i == 17 && strings.Trim(name[i+1:], "0123456789abcdef") == "" {
		return name[:i]
	}
	return role
}

// LoginProfile is a profile that uses the credentials of an `aws login` session.
type LoginProfile struct {
	Profile string
	Session string // login_session, an ARN
	Account string // "" if the ARN has none
	Region  string // "" if not set
}

// LoginProfiles returns the profiles of `aws login` sessions, in file order.
func (c *Config) LoginProfiles() []LoginProfile {
	var found []LoginProfile
	for _, p := range c.Profiles {
		keys := p.Keys()
		if keys.Get(byLogin) == "" {
			continue
		}
		if o, err := c.Origin(p.Name); err == nil && o.Kind == FromLogin && len(o.Roles) == 0 {
			account, _ := accountAndRole(o.LoginSession)
			found = append(found, LoginProfile{p.Name, o.LoginSession, account, lower(keys.Get("region"))})
		}
	}
	return found
}
