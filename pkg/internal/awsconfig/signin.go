package awsconfig

// SessionOf returns what a profile signs in to: its sso-session, or for a legacy
// profile a Session without a name that holds its start URL and region. A sign-in
// needs no account and no role. ok is false, without an error, when there is no
// such profile or it has nothing to do with SSO. The errors are
// *SessionMissingError and *IncompleteError.
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
	s = Session{StartURL: keys.Get("sso_start_url"), Region: keys.Get("sso_region")}
	if s.StartURL == "" && s.Region == "" {
		return Session{}, false, nil
	}
	return s, true, s.complete(name)
}

// complete returns an *IncompleteError when a sign-in has nowhere to go.
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
