package awsconfig

import (
	"cmp"
	"slices"
)

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
	if session := c.sessionName(keys); session != "" {
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
