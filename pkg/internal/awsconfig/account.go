package awsconfig

import "strings"

// The keys that say in which account a profile works, apart from sso_account_id.
const (
	byRole    = "role_arn"
	byLogin   = "login_session"
	byAccount = "aws_account_id"
)

// AccountKeys are these keys, in the order in which profiles are preferred.
var AccountKeys = [...]string{byRole, byLogin, byAccount}

// Member is a profile of an account that is not an SSO profile.
type Member struct {
	Profile string
	Key     string // one of AccountKeys, which names the account
	Role    string // the name of its role; "" if it has none
	Region  string
	Origin  Origin
	Err     error // why it cannot be used; Origin is empty then
}

// Members returns the profiles that work in an account and are not SSO profiles, in file
// order. The account is that of the last role; without a role that of the `aws login`
// session; else that in aws_account_id.
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
	case keys.signsOn():
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

// accountAndRole returns the account of an ARN of IAM or STS, and the name of its role
// without path, or "" if it is not a role's.
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

// permissionSet returns the name of the permission set of a role that IAM Identity Center
// made, such as Push of AWSReservedSSO_Push_0123456789abcdef, so that it is preferred
// under the name that the user knows.
func permissionSet(role string) string {
	name, ok := strings.CutPrefix(role, "AWSReservedSSO_")
	if i := strings.LastIndexByte(name, '_'); ok && i > 0 && len(name)-i == 17 && strings.Trim(name[i+1:], "0123456789abcdef") == "" {
		return name[:i]
	}
	return role
}

// LoginProfile is a profile whose credentials are those of an `aws login` session.
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
