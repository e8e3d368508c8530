package awsconfig

import (
	"fmt"
	"strings"
)

// SSO is a complete SSO profile, ready to use: no field but Session and Region
// is ever empty.
type SSO struct {
	Profile   string // its name
	Session   string // of the [sso-session] section; "" for the legacy layout
	StartURL  string // verbatim
	SSORegion string // region of the SSO portal and its sign-in service
	Account   string // 12 digits, as text
	Role      string // permission set's role name
	Region    string // the profile's own region; may be empty
}

// CacheKey returns what the AWS CLI hashes for the name of the token file: the
// session's name, or the start URL verbatim for the legacy layout.
func (s SSO) CacheKey() string {
	if s.Session != "" {
		return s.Session
	}
	return s.StartURL
}

// SessionMissingError tells that a profile names a session that has no section.
type SessionMissingError struct{ Profile, Session string }

func (e *SessionMissingError) Error() string {
	return fmt.Sprintf("profile %q names SSO session %q, which is not configured", e.Profile, e.Session)
}

// IncompleteError tells which keys an SSO profile and its session lack, in the
// order in which the AWS CLI writes them.
type IncompleteError struct {
	Profile string
	Missing []string // such as sso_role_name
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("SSO profile %q lacks %s", e.Profile, strings.Join(e.Missing, ", "))
}

// ConflictError tells that a profile sets sso_region or sso_start_url to
// something else than its session does. The AWS CLI and the SDK refuse it too.
type ConflictError struct{ Profile, Session, Key string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("profile %q and its SSO session %q set different values for %s", e.Profile, e.Session, e.Key)
}

// AccountError tells that sso_account_id is not an account id. The AWS CLI sends it
// as it is, and AWS answers that the request is not valid.
type AccountError struct{ Profile, Value string }

func (e *AccountError) Error() string {
	return fmt.Sprintf("sso_account_id %q of profile %q is not an account id, which has 12 digits", e.Value, e.Profile)
}

// Meant is the account id without the marks that a person put between its digits,
// "" if that is not one either.
func (e *AccountError) Meant() string {
	digits := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || isBlank(r) {
			return -1
		}
		return r
	}, e.Value)
	if !isAccount(digits) {
		return ""
	}
	return digits
}

// SSO resolves a profile. ok is false, without an error, when there is no such
// profile or when it is of another kind. As in the AWS CLI, a role to assume and
// a web identity come before SSO, and SSO before everything else. The errors are
// *SessionMissingError, *IncompleteError, *ConflictError and *AccountError.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
func (c *Config) SSO(name string) (s SSO, ok bool, err error) {
	p, found := c.Profile(name)
	if !found {
		return SSO{}, false, nil
	}
	keys := p.Keys()
	if keys.Get("role_arn") != "" || !keys.signsOn() {
		return SSO{}, false, nil
	}
	if s, err = c.resolve(name, keys); err != nil {
		return SSO{}, false, err
	}
	return s, true, nil
}

// signsOn reports whether the profile's own credentials come from SSO. An SSO
// session or start URL without account and role is a source of bearer tokens
// only, in the AWS CLI and here: other tools write one beside their
// credential_process.
func (k Keys) signsOn() bool {
	return k.Get("web_identity_token_file") == "" && (k.Get("sso_account_id") != "" || k.Get("sso_role_name") != "")
}

// sessionName returns the sso-session that the keys name. A name may hold quotes
// or " #", which would be syntax in other values.
func (c *Config) sessionName(keys Keys) string {
	if raw := keys.raw("sso_session"); c.sessions[raw] != nil {
		return raw
	}
	return keys.Get("sso_session")
}

// resolve puts a profile and its session together. A value that only one of
// them has counts.
func (c *Config) resolve(profile string, keys Keys) (SSO, error) {
	s := SSO{
		Profile:   profile,
		Session:   c.sessionName(keys),
		StartURL:  keys.Get("sso_start_url"),
		SSORegion: lower(keys.Get("sso_region")),
		Account:   keys.Get("sso_account_id"),
		Role:      keys.Get("sso_role_name"),
		Region:    lower(keys.Get("region")),
	}
	if s.Session != "" {
		session, ok := c.Session(s.Session)
		if !ok {
			return SSO{}, &SessionMissingError{Profile: profile, Session: s.Session}
		}
		if !agree(&s.SSORegion, session.Region) {
			return SSO{}, &ConflictError{Profile: profile, Session: s.Session, Key: "sso_region"}
		}
		if !agree(&s.StartURL, session.StartURL) {
			return SSO{}, &ConflictError{Profile: profile, Session: s.Session, Key: "sso_start_url"}
		}
	}
	if missing := s.missing(); missing != nil {
		return SSO{}, &IncompleteError{Profile: profile, Missing: missing}
	}
	if !isAccount(s.Account) {
		return SSO{}, &AccountError{Profile: profile, Value: s.Account}
	}
	return s, nil
}

// isAccount reports whether a text is an AWS account id.
func isAccount(text string) bool {
	return len(text) == 12 && strings.Trim(text, "0123456789") == ""
}

// agree fills in the session's value; false when both are set and differ.
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

// ForAccount returns the SSO profiles of an account, in file order. The id is
// compared as text; profiles that are broken, or that assume a role on top, are
// left out.
func (c *Config) ForAccount(account string) []SSO {
	var found []SSO
	for _, p := range c.Profiles {
		if account == "" || !p.InAccount(account) {
			continue
		}
		if s, ok, err := c.SSO(p.Name); ok && err == nil {
			found = append(found, s)
		}
	}
	return found
}
