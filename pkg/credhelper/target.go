package credhelper

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// target finds the SSO session for a sign-in or sign-out. It loads the AWS configuration
// itself, because it needs no settings and, unlike a get, fails if a file is unreadable.
type target struct {
	h          *Helper
	home       string
	config     *awsconfig.Config
	verb       string // login or logout
	ssoSession string
	profile    string // set by the caller or by session()
	variable   string // the variable that selects profile; "" for none
}

// target prepares the search.
func (h *Helper) target(verb string, t Target) (*target, error) {
	if t.Profile != "" && t.SSOSession != "" {
		return nil, errors.New("a profile and an SSO session can't be used together")
	}
	home := h.env.HomeDir()
	if home == "" {
		return nil, h.noHome()
	}
	config, err := awsconfig.Load(awsconfig.DefaultPaths(h.env, home))
	if err != nil {
		return nil, err
	}
	return &target{h: h, home: home, config: config, verb: verb, ssoSession: t.SSOSession, profile: t.Profile}, nil
}

// session finds the session.
func (t *target) session() (awsconfig.Session, error) {
	if t.ssoSession != "" {
		session, ok := t.config.Session(t.ssoSession)
		if absent := t.config.Absent(); !ok && absent != nil {
			return awsconfig.Session{}, absent
		}
		if !ok {
			return awsconfig.Session{}, t.unknownSession()
		}
		return *session, nil
	}
	for _, v := range []env.Var{env.AWSProfile, env.AWSDefaultProfile} {
		if t.profile == "" && t.h.env.Get(v) != "" {
			t.profile, t.variable = t.h.env.Get(v), v.Name()
		}
	}
	if t.profile != "" {
		return t.ofProfile()
	}
	if session, ok, err := t.config.SessionOf("default"); ok && err == nil {
		t.profile = "default"
		return session, nil
	}
	return t.onlySession()
}

// ofProfile finds the session of a profile, or of the profile that it assumes a role with.
func (t *target) ofProfile() (awsconfig.Session, error) {
	if _, ok := t.config.Profile(t.profile); !ok {
		if absent := t.config.Absent(); absent != nil {
			return awsconfig.Session{}, absent
		}
		return awsconfig.Session{}, t.unknownProfile()
	}
	session, ok, err := t.config.SessionOf(t.config.SignInProfile(t.profile))
	switch {
	case err != nil:
		return session, hint.With(err, hint.ConfigureCommand(t.profile))
	case !ok:
		return session, t.notSSO()
	}
	return session, nil
}

// unknownSession returns the error for a session that is not configured.
func (t *target) unknownSession() error {
	var all []string
	for _, s := range t.config.Sessions {
		all = append(all, s.Name)
	}
	return t.unknown(fmt.Sprintf("SSO session %q is not in %s", t.ssoSession, t.config.Paths.Config),
		t.ssoSession, "--sso-session", all)
}

// unknownProfile returns the error for a profile that is not configured.
func (t *target) unknownProfile() error {
	var all []string
	for _, p := range t.config.Profiles {
		all = append(all, p.Name)
	}
	return t.unknown(fmt.Sprintf("profile %q is not in %s", t.profile, t.config.Paths.Config), t.profile, "--profile", all)
}

// unknown returns the error for a name that is not configured. It suggests the similar
// names, else it lists all. For a login, configure creates the name. For a logout, status
// lists the names.
func (t *target) unknown(text, name, flag string, all []string) error {
	var next []string
	near := hint.Near(name, all)
	for _, n := range near[:min(len(near), hint.MaxQuoted)] {
		next = append(next, hint.Command(t.verb, flag, n))
	}
	if len(near) == 0 && len(all) > 0 {
		text += fmt.Sprintf(" (it has %s)", hint.Quoted(all))
	}
	if t.verb == "logout" {
		next = append(next, hint.StatusCommand())
	} else {
		next = append(next, hint.Command("configure", flag, name))
	}
	if t.variable != "" {
		text, next = t.variable+": "+text, append([]string{hint.UnsetCommand(t.variable)}, next...)
	}
	return hint.With(errors.New(text), next...)
}

// notSSO returns the error for a profile without a session to sign in to.
func (t *target) notSSO() error {
	p, _ := t.config.Profile(t.profile)
	keys := p.Keys()
	source := keys.Get("source_profile")
	_, found := t.config.Profile(source)
	switch {
	case keys.Get("login_session") != "":
		return hint.With(fmt.Errorf("profile %q signs in with the AWS CLI's aws login", t.profile), hint.AWSLoginCommand(t.profile))
	case keys.Get("role_arn") != "" && source != "" && !found:
		return hint.With(fmt.Errorf("source profile %q of profile %q is not in %s", source, t.profile, t.config.Paths.Config),
			hint.ConfigureCommand(source))
	}
	for _, key := range []string{"role_arn", "credential_process", "aws_access_key_id", "web_identity_token_file"} {
		if keys.Get(key) != "" {
			return hint.With(fmt.Errorf("profile %q has %s and no SSO session: there is nothing to sign in to", t.profile, key), hint.StatusCommand())
		}
	}
	return hint.With(fmt.Errorf("profile %q is not an SSO profile", t.profile), hint.ConfigureCommand(t.profile))
}

// onlySession returns the only session in the configuration.
func (t *target) onlySession() (awsconfig.Session, error) {
	switch len(t.config.Sessions) {
	case 1:
		return *t.config.Sessions[0], nil
	case 0:
		if absent := t.config.Absent(); absent != nil {
			return awsconfig.Session{}, absent
		}
		return awsconfig.Session{}, hint.With(errors.New("no SSO session is configured"), hint.ConfigureCommand(""))
	}
	var next []string
	for _, session := range t.config.Sessions[:min(len(t.config.Sessions), hint.MaxQuoted)] {
		next = append(next, hint.LoginCommand(session.Name, ""))
	}
	return awsconfig.Session{}, hint.With(fmt.Errorf("%d SSO sessions are configured", len(t.config.Sessions)), next...)
}

// connection returns the profile whose endpoint and certificate settings are used: the
// selected one, or else one that uses the session.
func (t *target) connection(session awsconfig.Session) string {
	selected := cmp.Or(t.h.env.Get(env.AWSProfile), t.h.env.Get(env.AWSDefaultProfile))
	return cmp.Or(t.profile, t.config.ConnectionProfile(session, selected))
}

// client makes the client for a session.
func (t *target) client(session awsconfig.Session) (*awsclient.Client, error) {
	return awsclient.New(t.h.clientOptions(t.home, t.config, t.connection(session)))
}

// saveRegion saves the region that a vanity start URL led to, like the AWS CLI since
// 2.35.13.
func (t *target) saveRegion(session awsconfig.Session, region string) error {
	change := awsconfig.Change{Section: "sso-session", Name: session.Name, Keys: []awsconfig.Key{{Name: "sso_region", Value: region}}}
	if session.Name == "" {
		change.Section, change.Name = "profile", t.config.SignInProfile(t.profile)
	}
	_, err := awsconfig.Edit(t.config.Paths.Config, change)
	return err
}
