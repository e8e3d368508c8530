package awsconfig

import (
	"cmp"
	"fmt"
	"slices"
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
	if keys.Get("role_arn") != "" || !keys.usesSSO() {
		return SSO{}, false, nil
	}
	if sso, err = c.resolve(name, keys); err != nil {
		return SSO{}, false, err
	}
	return sso, true, nil
}

// usesSSO reports whether the profile's own credentials come from SSO. In the AWS CLI and
// here, an SSO session or start URL without an account and a role provides only bearer
// tokens. Other tools write one next to their credential_process.
func (k Keys) usesSSO() bool {
	return k.Get("web_identity_token_file") == "" && (k.Get("sso_account_id") != "" || k.Get("sso_role_name") != "")
}

// resolve combines a profile and its session. Either may set a value.
func (c *Config) resolve(profile string, keys Keys) (SSO, error) {
	sso := SSO{
		Profile:   profile,
		Session:   keys.Get("sso_session"),
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
	return c.ssoProfiles(func(p *Profile) bool { return p.inAccount(account) })
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

// SessionOf returns the session of a profile: its sso-session or, for a legacy profile, a
// Session without a name but with its start URL and region. A sign-in needs neither an
// account nor a role. ok is false, without an error, if the profile does not exist or does
// not use SSO. The errors are *SessionMissingError and *IncompleteError.
func (c *Config) SessionOf(name string) (s Session, ok bool, err error) {
	p, found := c.Profile(name)
	if !found {
		return Session{}, false, nil
	}
	keys := p.Keys()
	if session := keys.Get("sso_session"); session != "" {
		s, found := c.Session(session)
		if !found {
			return Session{}, false, &SessionMissingError{Profile: name, Session: session}
		}
		return *s, true, s.complete(name)
	}
	s = Session{StartURL: keys.Get("sso_start_url"), Region: lower(keys.Get("sso_region"))}
	if s.StartURL == "" && s.Region == "" {
		return Session{}, false, nil
	}
	return s, true, s.complete(name)
}

// SignInProfile returns the profile whose session the named profile needs. This is the
// named profile itself or, for an assumed role, the first profile of its source_profile
// chain with a session. If there is none, SignInProfile returns the named profile.
func (c *Config) SignInProfile(name string) string {
	chain, _ := c.chain(name)
	for _, p := range chain {
		keys := p.Keys()
		if keys.Get("sso_session") != "" || keys.Get("sso_start_url") != "" {
			return p.Name
		}
	}
	return name
}

// connectionKeys are the profile keys that configure connections to AWS.
var connectionKeys = []string{
	"ca_bundle", "endpoint_url", "services", "use_fips_endpoint", "use_dualstack_endpoint", "ignore_configured_endpoint_urls",
}

// ConnectionProfile returns the profile whose endpoint and certificate settings apply to a
// sign-in to the session when the user named no profile. It is the preferred profile if
// that profile signs in to the session. Otherwise it is the first profile of the session
// with such a setting, otherwise the first profile of the session. It is "" if no profile
// signs in to the session.
func (c *Config) ConnectionProfile(session Session, preferred string) string {
	first := ""
	of := func(name string) bool {
		has, ok, _ := c.SessionOf(c.SignInProfile(name))
		return ok && has.CacheKey() == session.CacheKey()
	}
	if of(preferred) {
		return preferred
	}
	for _, p := range c.Profiles {
		if !of(p.Name) {
			continue
		}
		keys := p.Keys()
		if slices.ContainsFunc(connectionKeys, func(key string) bool { return keys.Get(key) != "" }) {
			return p.Name
		}
		first = cmp.Or(first, p.Name)
	}
	return first
}

// complete returns an *IncompleteError if the start URL or the region is missing.
func (s Session) complete(profile string) error {
	var missing []string
	if s.StartURL == "" {
		missing = append(missing, "sso_start_url")
	}
	if s.Region == "" {
		missing = append(missing, "sso_region")
	}
	if missing == nil {
		return nil
	}
	return &IncompleteError{Profile: profile, Missing: missing}
}
