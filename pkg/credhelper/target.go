package credhelper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
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
	if t.profile == "" {
		t.profile, t.variable = t.h.env.Profile()
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

// unknown returns the error for a name that is not configured. It suggests similar names
// or, if there are none, lists all names. For a login, configure creates the name. For a
// logout, status lists the names.
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
	selected, _ := t.h.env.Profile()
	return cmp.Or(t.profile, t.config.ConnectionProfile(session, selected))
}

// client creates the client for a session.
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

const (
	// prefetchLimit is the time limit of a Prefetch, prefetchCallLimit that of its AWS
	// calls. The difference leaves time to cache a login that arrives at the end.
	prefetchLimit     = 2 * time.Second
	prefetchCallLimit = 1800 * time.Millisecond

	// prefetchParallel is the number of logins fetched in parallel. AWS throttles an
	// account's portal calls at about that number per second.
	prefetchParallel = 20
)

// ErrUnfinished is the error for a login that Prefetch did not get in time. A later Get may
// succeed.
var ErrUnfinished = errors.New("not finished in time")

// Prefetched is the result of a Prefetch.
type Prefetched struct {
	// User is the name of the signed-in user, if AWS returned it in time.
	User string
	// Registries lists the session's registries in the order of Docker's file.
	Registries []PrefetchedLogin
}

// PrefetchedLogin is the login for a registry, or the error.
type PrefetchedLogin struct {
	Host  string
	Login Login // zero if Err is set
	Err   error // the error of a Get, or ErrUnfinished
}

// Prefetch gets and caches the logins of the registries that use the SSO session of t, so
// that later Gets do not call AWS. These are the registries that Docker's or podman's
// configuration assigns to this helper. If it assigns all registries to this helper, they
// are up to 20 registries of the session's profiles. Prefetch gets the logins in parallel,
// takes two seconds or less, and never starts a sign-in. The error is about t or files;
// errors of single logins are in the result.
func (h *Helper) Prefetch(ctx context.Context, t Target) (Prefetched, error) {
	target, err := h.target("login", t)
	if err != nil {
		return Prefetched{}, err
	}
	session, err := target.session()
	if err != nil {
		return Prefetched{}, err
	}
	st, err := h.state()
	if err != nil {
		return Prefetched{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, prefetchCallLimit)
	defer cancel()
	return h.prefetch(ctx, h.ofSession(st, session)), nil
}

// ofSession returns the registries whose credentials come from the session. It includes
// registries that several profiles match if one of these profiles uses the session.
func (h *Helper) ofSession(st *state, session awsconfig.Session) (found []registry.Registry) {
	file, err := awscache.TokenPath(st.home, session.CacheKey())
	if err != nil {
		return nil
	}
	registries, every := h.dockerRegistries(st)
	if every {
		all := h.candidates(st) // named registries come first
		registries = all[:min(len(registries)+listMax, len(all))]
	}
	for _, reg := range registries {
		choice, _, err := h.choose(st, reg)
		if errors.Is(err, ErrAmbiguous) {
			profiles, _ := st.config.ForAccount(reg.Account)
			if slices.ContainsFunc(profiles, func(s awsconfig.SSO) bool { return s.CacheKey() == session.CacheKey() }) {
				found = append(found, reg)
			}
			continue
		}
		if err != nil {
			continue // reported by a get; there is no session
		}
		if req, err := h.newRequest(st, reg, choice); err == nil && req.tokenFile == file {
			found = append(found, reg)
		}
	}
	return found
}

// dockerRegistries returns the registries that Docker's or podman's configuration assigns to this
// helper, without duplicates, and whether it assigns all registries to this helper.
func (h *Helper) dockerRegistries(st *state) (all []registry.Registry, every bool) {
	every = dockerconfig.RegistriesConf(h.env, st.home) != ""
	for _, path := range dockerconfig.Paths(h.env, st.home) {
		file, err := dockerconfig.Load(path)
		if err != nil {
			continue // the client that reads this file reports the error
		}
		every = every || dockerconfig.IsHelper(file.CredsStore)
		hosts, _ := file.Served(st.settings.Aliases)
		for _, host := range hosts {
			reg, _, err := st.settings.Registry(host)
			if err == nil && !slices.ContainsFunc(all, func(r registry.Registry) bool { return r.Host == reg.Host }) {
				all = append(all, reg)
			}
		}
	}
	return all, every
}

// prefetch gets the logins in parallel, then the user's name.
func (h *Helper) prefetch(ctx context.Context, registries []registry.Registry) Prefetched {
	type result struct {
		i     int
		login PrefetchedLogin
		req   *request
	}
	quick := *h
	quick.signIn = nil
	next, results, user := make(chan int, len(registries)), make(chan result, len(registries)), make(chan string, 1)
	out := Prefetched{Registries: make([]PrefetchedLogin, len(registries))}
	for i, reg := range registries {
		next <- i
		out.Registries[i] = PrefetchedLogin{Host: reg.Host, Err: ErrUnfinished}
	}
	close(next)
	for range min(prefetchParallel, len(registries)) {
		crash.Go(func() {
			for i := range next {
				login, req := quick.prefetchOne(ctx, registries[i])
				results <- result{i, login, req}
			}
		})
	}
	asked := false
	late := time.After(prefetchLimit)
	for waiting := len(registries); waiting > 0; waiting-- {
		select {
		case r := <-results:
			out.Registries[r.i] = r.login
			if !asked && r.req.calledAWS() {
				asked, waiting = true, waiting+1
				crash.Go(func() { user <- r.req.user(ctx) })
			}
		case out.User = <-user:
		case <-late:
			return out
		}
	}
	return out
}

// prefetchOne gets one login. The request is nil for a stored login and if there is no
// login.
func (h *Helper) prefetchOne(ctx context.Context, reg registry.Registry) (PrefetchedLogin, *request) {
	out := PrefetchedLogin{Host: reg.Host, Err: ErrUnfinished}
	if ctx.Err() != nil {
		return out, nil
	}
	entry, req, err := h.get(ctx, reg, reg.Host)
	switch {
	case err == nil:
		out.Login, out.Err = newLogin(entry, req), nil
	case ctx.Err() == nil:
		out.Err = err
	}
	return out, req
}

// calledAWS reports whether the get called AWS.
func (r *request) calledAWS() bool { return r != nil && r.client != nil }

// user returns the name of the SSO user whose role credentials the get used. It returns ""
// if they are not SSO role credentials or AWS does not respond in time.
func (r *request) user(ctx context.Context) string {
	if r.choice.Kind != profile.SSO {
		return ""
	}
	keys, ok := r.cachedRole()
	if !ok {
		return ""
	}
	name, err := r.client.SSOUser(ctx, r.reg.Region, keys)
	if err != nil {
		r.h.log.Debug("user not known", "error", err)
	}
	return name
}
