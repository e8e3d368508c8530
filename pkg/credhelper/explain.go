package credhelper

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// Explanation describes what a get for a host would do. Explain does not call AWS, except
// for the credential endpoint of the container or instance if that is the next source of
// credentials. An Explanation contains no secrets.
type Explanation struct {
	Registry Registry `json:"registry"`
	// Stored is the expiry of a login saved by `docker login` for the host. Until then, get
	// returns that login.
	Stored *time.Time `json:"storedUntil,omitempty"`
	// Skipped lists unreadable files and ignored settings, with reasons.
	Skipped []string `json:"skipped,omitempty"`
	// Steps lists the searched credential sources in order, up to the selected one.
	Steps []Step `json:"steps"`
	// Identity is the selected identity; nil if none was selected.
	Identity *Identity `json:"identity,omitempty"`
	// Cached is the expiry of the cached login for that identity.
	Cached *time.Time `json:"cachedUntil,omitempty"`
	// Problem is why a get would fail now, as far as the helper can tell without calling
	// AWS. Next lists the commands that fix it.
	Problem string   `json:"problem,omitempty"`
	Next    []string `json:"next,omitempty"`
}

// Registry contains the parts of the host name.
type Registry struct {
	Alias     string `json:"alias,omitempty"` // the requested alias, if it is one
	Host      string `json:"host"`
	Account   string `json:"account,omitempty"`
	Region    string `json:"region"`
	Partition string `json:"partition"`
	FIPS      bool   `json:"fips"`
	DualStack bool   `json:"dualStack"`
	API       string `json:"api"` // the API endpoint, including overrides
}

// Step is a searched credential source.
type Step struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"`
}

// Verdict is the result of a Step.
type Verdict string

// Verdicts.
const (
	NoMatch  Verdict = profile.NoMatch  // specifies no credentials
	Skipped  Verdict = profile.Skipped  // its credentials are not usable and were not requested explicitly
	Selected Verdict = profile.Selected // its credentials are used
	Failed   Verdict = profile.Failed   // selected, but the get fails
)

// Kind is the source of an Identity's credentials.
type Kind string

// Kinds of credentials.
const (
	KindSSO         Kind = "sso"         // an SSO profile
	KindProfile     Kind = "profile"     // another type of profile
	KindEnvironment Kind = "environment" // environment variables
	KindChain       Kind = "chain"       // the credential endpoint of a container or instance
)

// State is the state of an SSO session.
type State string

// Session states.
const (
	Live        State = "live"        // the token is valid
	Refreshable State = "refreshable" // the token expired but can be refreshed without a sign-in
	Expired     State = "expired"     // a sign-in is needed
	Missing     State = "missing"     // there is no token: a sign-in is needed
	Damaged     State = "damaged"     // the token file cannot be read
	Busy        State = "busy"        // another program has the token file open (Windows)
)

// Identity is the identity whose credentials a get uses.
type Identity struct {
	Kind    Kind     `json:"kind"`
	Source  string   `json:"source"`
	Profile string   `json:"profile,omitempty"`
	Session *Session `json:"session,omitempty"`
	Account string   `json:"account,omitempty"` // the role's account; may differ from the registry's
	Role    string   `json:"role,omitempty"`
}

// Session is the SSO session of an identity.
type Session struct {
	Name        string     `json:"name,omitempty"` // empty for a legacy profile
	StartURL    string     `json:"startUrl"`
	Region      string     `json:"region"`
	State       State      `json:"state"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty"`
	Refreshable bool       `json:"refreshable"`
}

// Explain returns what Get would do for serverURL. The error is registry.ErrNotECR for
// other hosts, or reports files that cannot be read. If Get would fail, Explain returns the
// reason in Explanation.Problem, not as an error.
func (h *Helper) Explain(serverURL string) (Explanation, error) {
	reg, alias, err := h.registry(serverURL)
	if err != nil {
		return Explanation{}, err
	}
	st, err := h.load()
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Registry: Registry{
		Alias: alias, Host: reg.Host, Account: reg.Account, Region: reg.Region, Partition: reg.Partition,
		FIPS: reg.FIPS, DualStack: reg.DualStack,
	}}
	// This is the default. The selected profile may have another endpoint.
	x.Registry.API, _ = awsclient.Endpoint(st.options(""), reg)
	if entry, ok := st.cache.Stored(reg.Host); ok {
		x.Stored = &entry.ExpiresAt
	}
	for _, err := range st.skipped {
		x.Skipped = append(x.Skipped, err.Error())
	}
	if st.settings.Ignored != nil {
		x.Skipped = append(x.Skipped, st.settings.Ignored.Error())
	}
	choice, steps, err := h.choose(st, reg)
	x.Steps = publicSteps(steps)
	if err != nil {
		x.problem(err)
		return x, nil
	}
	req, err := h.newRequest(st, reg, choice)
	if err != nil {
		x.problem(err)
		return x, nil
	}
	x.Registry.API = req.key.Endpoint
	// Only the container or instance endpoint knows whether it has credentials.
	err = h.withDeadline(h.ctx, h.now().Add(deadline), req.complete)
	x.Identity = req.identity()
	if entry, ok := st.cache.Get(req.key); ok {
		x.Cached = &entry.ExpiresAt
	}
	if x.Cached == nil && x.Stored == nil {
		x.problem(cmp.Or(err, req.expectedError()))
	}
	return x, nil
}

func (x *Explanation) problem(err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*AnonymousError](err); ok {
		err = e.Reason
	}
	x.Problem = err.Error()
	if e, ok := errors.AsType[*hint.Error](err); ok {
		x.Problem, x.Next = e.Err.Error(), e.Next
	}
}

// expectedError returns the error that a get would return before it calls AWS, or nil if it
// would call AWS.
func (r *request) expectedError() error {
	if err := r.unusable(); err != nil {
		return err
	}
	if r.tokenFile == "" {
		return cmp.Or(r.noLogin(), r.noSource())
	}
	if r.choice.Kind == profile.SSO {
		if _, ok := r.cachedRole(); ok {
			return nil
		}
	}
	token, err := r.token()
	now := r.h.now()
	switch {
	case err != nil:
		return r.noToken(err)
	case token.Live(now), token.Refreshable(now):
		return nil
	default:
		return r.expired(token)
	}
}

// noSource returns the error for credentials in a file that cannot be read or in a variable
// that is not set.
func (r *request) noSource() error {
	if err := r.connect(); err != nil {
		return err
	}
	if err := r.client.CheckSource(r.choice.Profile); err != nil {
		return r.describe(err)
	}
	return nil
}

func (r *request) identity() *Identity {
	id := &Identity{Source: r.choice.Source, Profile: r.choice.Profile}
	switch r.choice.Kind {
	case profile.SSO:
		id.Kind, id.Account, id.Role = KindSSO, r.sso.Account, r.sso.Role
	case profile.SDKProfile:
		id.Kind = KindProfile
	case profile.Environment:
		id.Kind = KindEnvironment
	default:
		id.Kind = KindChain
	}
	if r.tokenFile != "" {
		id.Session = r.sessionState()
	}
	return id
}

func (r *request) sessionState() *Session {
	s := &Session{Name: r.sso.Session, StartURL: r.sso.StartURL, Region: r.sso.SSORegion}
	token, err := r.token()
	now := r.h.now()
	switch {
	case errors.Is(err, awscache.ErrMissing), errors.Is(err, awscache.ErrOtherStartURL):
		s.State = Missing
		return s
	case safefile.Busy(err):
		s.State = Busy
		return s
	case err != nil:
		s.State = Damaged
		return s
	case token.Live(now):
		s.State = Live
	case token.Refreshable(now):
		s.State = Refreshable
	default:
		s.State = Expired
	}
	s.ExpiresAt, s.Refreshable = &token.ExpiresAt, token.Refreshable(now)
	return s
}

func publicSteps(steps []profile.Step) []Step {
	all := make([]Step, len(steps))
	for i, s := range steps {
		all[i] = Step{Name: s.Name, Verdict: Verdict(s.Verdict), Detail: s.Detail}
	}
	return all
}

// SessionStatus is an SSO session in the AWS configuration and its current state. It
// contains no secrets.
type SessionStatus struct {
	Session
	// RefreshableUntil is when the client registration expires. After that, the token
	// cannot be refreshed. The session may end earlier. It is nil if the token cannot be
	// refreshed or the time is unknown.
	RefreshableUntil *time.Time `json:"refreshableUntil,omitempty"`
	// Profiles lists the session's complete SSO profiles in file order.
	Profiles []SessionProfile `json:"profiles"`
	// Next is the sign-in command. It is empty if the session is live.
	Next []string `json:"next,omitempty"`
}

// SessionProfile is a profile of a session.
type SessionProfile struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Role    string `json:"role"`
}

// Usable reports whether the session can provide credentials, as far as the helper can tell
// without calling AWS.
func (s SessionStatus) Usable() bool { return s.State == Live || s.State == Refreshable }

// Sessions returns the SSO sessions in the AWS configuration in file order, followed by the
// start URLs of legacy profiles. It does not use the network. The error reports files that
// cannot be read.
func (h *Helper) Sessions() ([]SessionStatus, error) {
	st, err := h.load()
	if err != nil {
		return nil, err
	}
	var found []awsconfig.SSO // one per session
	for _, session := range st.config.Sessions {
		found = append(found, awsconfig.SSO{Session: session.Name, StartURL: session.StartURL, SSORegion: session.Region})
	}
	profiles := map[string][]SessionProfile{} // by CacheKey
	complete, _ := st.config.SSOProfiles()
	for _, s := range complete {
		key := s.CacheKey()
		profiles[key] = append(profiles[key], SessionProfile{Name: s.Profile, Account: s.Account, Role: s.Role})
		if !slices.ContainsFunc(found, func(f awsconfig.SSO) bool { return f.CacheKey() == key }) {
			found = append(found, s)
		}
	}
	all := make([]SessionStatus, len(found))
	for i, s := range found {
		all[i] = h.sessionStatus(st, s)
		all[i].Profiles = append([]SessionProfile{}, profiles[s.CacheKey()]...)
	}
	return all, nil
}

func (h *Helper) sessionStatus(st *state, sso awsconfig.SSO) SessionStatus {
	req := &request{h: h, st: st, sso: sso}
	// Without a home directory, there is no token file, so the session is missing.
	req.tokenFile, _ = awscache.TokenPath(st.home, sso.CacheKey())
	out := SessionStatus{Session: *req.sessionState()}
	if !out.Usable() {
		out.Next = []string{hint.LoginCommand(sso.Session, sso.Profile)}
	}
	if out.Refreshable {
		if token, err := req.token(); err == nil && !token.RegistrationExpiresAt.IsZero() {
			out.RefreshableUntil = &token.RegistrationExpiresAt
		}
	}
	return out
}

// LoginSession is a session of `aws login` and its state.
type LoginSession struct {
	ARN      string   `json:"arn"` // the value of login_session
	Account  string   `json:"account,omitempty"`
	Profiles []string `json:"profiles"` // in file order
	State    State    `json:"state"`    // Live, Refreshable, Missing or Damaged
	// ExpiresAt is when the session's keys expire and are renewed. Only AWS knows when the
	// session itself ends.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	// Next is the sign-in command. It is empty if there is a session.
	Next []string `json:"next,omitempty"`
}

// Usable reports whether the session can provide credentials, as far as the helper can tell
// without calling AWS.
func (s LoginSession) Usable() bool { return s.State == Live || s.State == Refreshable }

// LoginSessions returns the `aws login` sessions used by profiles, in file order. It does
// not use the network. The error reports files that cannot be read.
func (h *Helper) LoginSessions() ([]LoginSession, error) {
	st, err := h.load()
	if err != nil {
		return nil, err
	}
	var all []LoginSession
	for _, p := range st.config.LoginProfiles() {
		if i := slices.IndexFunc(all, func(s LoginSession) bool { return s.ARN == p.Session }); i >= 0 {
			all[i].Profiles = append(all[i].Profiles, p.Profile)
			continue
		}
		s := LoginSession{ARN: p.Session, Account: p.Account, Profiles: []string{p.Profile}}
		switch expires, found, err := awsclient.LoginExpiry(awsclient.LoginFile(st.options(p.Profile), p.Session)); {
		case err != nil:
			s.State = Damaged
		case !found:
			s.State = Missing
		case expires.After(h.now()):
			s.State, s.ExpiresAt = Live, &expires
		default:
			s.State, s.ExpiresAt = Refreshable, &expires
		}
		if !s.Usable() {
			s.Next = []string{hint.AWSLoginCommand(p.Profile)}
		}
		all = append(all, s)
	}
	return all, nil
}
