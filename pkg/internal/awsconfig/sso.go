package awsconfig

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// SSO is a complete SSO profile. Only Session and Region may be empty.
type SSO struct {
	Profile   string // profile name
	Session   string // name of the [sso-session] section; "" for a legacy profile
	StartURL  string // verbatim
	SSORegion string // region of the SSO portal and its sign-in service
	Account   string // 12 digits, as text
	Role      string // role name (permission set)
	Region    string // the profile's own region; may be empty
}

// CacheKey returns the text that the AWS CLI hashes for the token file name: the session
// name or, for a legacy profile, its start URL verbatim.
func (s SSO) CacheKey() string { return cmp.Or(s.Session, s.StartURL) }

// SessionMissingError reports that a profile names a session that has no section.
type SessionMissingError struct{ Profile, Session string }

func (e *SessionMissingError) Error() string {
	return fmt.Sprintf("profile %q names SSO session %q, which is not configured", e.Profile, e.Session)
}

// IncompleteError lists the keys that are missing from an SSO profile and its session, in
// the order in which the AWS CLI writes them.
type IncompleteError struct {
	Profile string
	Missing []string // such as sso_role_name
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("SSO profile %q lacks %s", e.Profile, strings.Join(e.Missing, ", "))
}

// ConflictError reports that a profile and its session have different values for
// sso_region or sso_start_url. The AWS CLI and the SDK also return an error.
type ConflictError struct{ Profile, Session, Key string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("profile %q and its SSO session %q set different values for %s", e.Profile, e.Session, e.Key)
}

// AccountError reports that sso_account_id is not an account ID. The AWS CLI sends the
// value unchanged, and AWS rejects the request.
type AccountError struct{ Profile, Value string }

func (e *AccountError) Error() string {
	return fmt.Sprintf("sso_account_id %q of profile %q is not an account id, which has 12 digits", e.Value, e.Profile)
}

// Meant returns the account ID without separators between its digits, or "" if the result
// is not an account ID.
func (e *AccountError) Meant() string {
	digits := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || isBlank(r) {
			return -1
		}
		return r
	}, e.Value)
	if !registry.IsAccount(digits) {
		return ""
	}
	return digits
}

// SSO resolves a profile. ok is false, without an error, if the profile does not exist or
// has other credentials. As in the AWS CLI, a role to assume and a web identity take
// precedence over SSO, and SSO takes precedence over all other credentials. The errors are
// *SessionMissingError, *IncompleteError, *ConflictError and *AccountError.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
func (c *Config) SSO(name string) (sso SSO, ok bool, err error) {
	p, found := c.Profile(name)
	if !found {
		return SSO{}, false, nil
	}
	keys := p.Keys()
	if keys.Get("role_arn") != "" || !keys.signsOn() {
		return SSO{}, false, nil
	}
	if sso, err = c.resolve(name, keys); err != nil {
		return SSO{}, false, err
	}
	return sso, true, nil
}

// signsOn reports whether the profile's own credentials come from SSO. In the AWS CLI and
// here, an SSO session or start URL without an account and a role provides only bearer
// tokens. Other tools write one next to their credential_process.
func (k Keys) signsOn() bool {
	return k.Get("web_identity_token_file") == "" && (k.Get("sso_account_id") != "" || k.Get("sso_role_name") != "")
}

// sessionName returns sso_session from the keys. A session name may contain quotes or
// " #", which would be syntax in other values.
func (c *Config) sessionName(keys Keys) string {
	if raw := keys.raw("sso_session"); c.sessions[raw] != nil {
		return raw
	}
	return keys.Get("sso_session")
}

// resolve combines a profile and its session. Either may set a value.
func (c *Config) resolve(profile string, keys Keys) (SSO, error) {
	sso := SSO{
		Profile:   profile,
		Session:   c.sessionName(keys),
		StartURL:  keys.Get("sso_start_url"),
		SSORegion: lower(keys.Get("sso_region")),
		Account:   keys.Get("sso_account_id"),
		Role:      keys.Get("sso_role_name"),
		Region:    lower(keys.Get("region")),
	}
	if sso.Session != "" {
		session, ok := c.Session(sso.Session)
		if !ok {
			return SSO{}, &SessionMissingError{Profile: profile, Session: sso.Session}
		}
		if !agree(&sso.SSORegion, session.Region) {
			return SSO{}, &ConflictError{Profile: profile, Session: sso.Session, Key: "sso_region"}
		}
		if !agree(&sso.StartURL, session.StartURL) {
			return SSO{}, &ConflictError{Profile: profile, Session: sso.Session, Key: "sso_start_url"}
		}
	}
	if missing := sso.missing(); missing != nil {
		return SSO{}, &IncompleteError{Profile: profile, Missing: missing}
	}
	if !registry.IsAccount(sso.Account) {
		return SSO{}, &AccountError{Profile: profile, Value: sso.Account}
	}
	return sso, nil
}

// agree copies the session's value to an empty own value. It returns false if both values
// are set and differ.
func agree(own *string, session string) bool {
	if *own == "" {
		*own = session
	}
	return session == "" || *own == session
}

func (s SSO) missing() []string {
	var missing []string
	for _, need := range [...]struct{ key, value string }{
		{"sso_start_url", s.StartURL},
		{"sso_region", s.SSORegion},
		{"sso_account_id", s.Account},
		{"sso_role_name", s.Role},
	} {
		if need.value == "" {
			missing = append(missing, need.key)
		}
	}
	return missing
}

// ForAccount returns the SSO profiles of an account, in file order, and the errors of
// unusable profiles. It compares the account ID as text. It skips profiles that also assume
// a role.
func (c *Config) ForAccount(account string) (found []SSO, broken []error) {
	if account == "" {
		return nil, nil
	}
	return c.ssoProfiles(func(p *Profile) bool { return p.InAccount(account) })
}

// SSOProfiles is ForAccount for all accounts.
func (c *Config) SSOProfiles() (found []SSO, broken []error) {
	return c.ssoProfiles(func(*Profile) bool { return true })
}

func (c *Config) ssoProfiles(match func(*Profile) bool) (found []SSO, broken []error) {
	for _, p := range c.Profiles {
		if !match(p) {
			continue
		}
		sso, ok, err := c.SSO(p.Name)
		switch {
		case err != nil:
			broken = append(broken, err)
		case ok:
			found = append(found, sso)
		}
	}
	return found, broken
}
