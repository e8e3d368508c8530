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

// Explanation says what a get for a host would do, without calling AWS. It calls only the
// credential service of the container or the instance, if that comes next. It contains no
// secret.
type Explanation struct {
	Registry Registry `json:"registry"`
	// Stored is when a login that docker login stored for the host expires. Until then
	// it is the result of a get.
	Stored *time.Time `json:"storedUntil,omitempty"`
	// Skipped lists the files that cannot be read and the settings that do not count, and why.
	Skipped []string `json:"skipped,omitempty"`
	// Steps are the places searched for credentials, in order, up to the selected one.
	Steps []Step `json:"steps"`
	// Identity is the selected identity; nil if none could be selected.
	Identity *Identity `json:"identity,omitempty"`
	// Cached is when the cached login of that identity expires.
	Cached *time.Time `json:"cachedUntil,omitempty"`
	// Problem is why a get would fail now, as far as that is known without calling AWS.
	// Next are the commands that fix it.
	Problem string   `json:"problem,omitempty"`
	Next    []string `json:"next,omitempty"`
}

// Registry has the parts of the host name.
type Registry struct {
	Alias     string `json:"alias,omitempty"` // the other name of the registry that was asked for
	Host      string `json:"host"`
	Account   string `json:"account,omitempty"`
	Region    string `json:"region"`
	Partition string `json:"partition"`
	FIPS      bool   `json:"fips"`
	DualStack bool   `json:"dualStack"`
	API       string `json:"api"` // the endpoint of the API call, with overrides
}

// Step is one place that is searched for credentials.
type Step struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"`
}

// Verdict is the result of a Step.
type Verdict string

// The verdicts.
const (
	NoMatch  Verdict = profile.NoMatch  // it names no credentials
	Skipped  Verdict = profile.Skipped  // its credentials are not usable, and the user did not name them
	Selected Verdict = profile.Selected // its credentials are used
	Failed   Verdict = profile.Failed   // it decides, but the get fails
)

// Kind is where the credentials of an Identity come from.
type Kind string

// The kinds.
const (
	KindSSO         Kind = "sso"         // an SSO profile
	KindProfile     Kind = "profile"     // a profile of another kind
	KindEnvironment Kind = "environment" // variables of the environment
	KindChain       Kind = "chain"       // the container's or the instance's service
)

// State is the state of an SSO session.
type State string

// The states.
const (
	Live        State = "live"        // its token is valid
	Refreshable State = "refreshable" // its token expired but can be renewed without the user
	Expired     State = "expired"     // it needs a sign-in
	Missing     State = "missing"     // it has no token: it needs a sign-in
	Damaged     State = "damaged"     // its token file cannot be read
	Busy        State = "busy"        // another program has its token file open (Windows)
)

// Identity is the owner of the credentials that a get uses.
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
// other hosts, or is about files that cannot be read. If a get would fail, that is not an
// error but the Explanation's Problem.
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
	// The default until a profile is chosen, which may have its own endpoint.
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
	// Only the container or the instance can say whether it has credentials.
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

// expectedError returns the error that a get would return before it calls AWS; nil if it would
// call AWS.
func (r *request) expectedError() error {
	if err := r.needsMFA(); err != nil {
		return err
	}
	if r.tokenFile == "" {
		return r.noLogin()
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

// SessionStatus is an SSO session of the AWS configuration and its current state. It
// contains no secret.
type SessionStatus struct {
	Session
	// RefreshableUntil is when the client registration expires. The token cannot be
	// renewed after that; the session may end earlier. nil if the token cannot be
	// renewed, or the time is not known.
	RefreshableUntil *time.Time `json:"refreshableUntil,omitempty"`
	// Profiles are the complete SSO profiles of the session, in file order.
	Profiles []SessionProfile `json:"profiles"`
	// Next is the command that signs in, unless the session is live.
	Next []string `json:"next,omitempty"`
}

// SessionProfile is a profile of a session.
type SessionProfile struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Role    string `json:"role"`
}

// Usable reports whether the session can be used to get credentials, as far as that is
// known without calling AWS.
func (s SessionStatus) Usable() bool { return s.State == Live || s.State == Refreshable }

// Sessions returns the SSO sessions of the AWS configuration in file order, then the start
// URLs of legacy profiles. It does not use the network. The error is about files that
// cannot be read.
func (h *Helper) Sessions() ([]SessionStatus, error) {
	st, err := h.load()
	if err != nil {
		return nil, err
	}
	var found []awsconfig.SSO // one for each session
	for _, session := range st.config.Sessions {
		found = append(found, awsconfig.SSO{Session: session.Name, StartURL: session.StartURL, SSORegion: session.Region})
	}
	profiles := map[string][]SessionProfile{} // by CacheKey
	for _, p := range st.config.Profiles {
		s, ok, err := st.config.SSO(p.Name)
		if !ok || err != nil {
			continue
		}
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
	// Without a home directory there is no token file, and the session is missing.
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
