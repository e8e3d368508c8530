package credhelper

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Explanation says how a get for a host would go, without asking AWS. Only the
// container's or the instance's credential service is asked, if it is next.
// It holds no secret.
type Explanation struct {
	Registry Registry `json:"registry"`
	// Stored is when a docker login kept for the host ends; it would be the
	// answer until then.
	Stored *time.Time `json:"storedUntil,omitempty"`
	// Skipped are files that cannot be read, and why.
	Skipped []string `json:"skipped,omitempty"`
	// Steps is the walk through the order of credentials, up to the one taken.
	Steps []Step `json:"steps"`
	// Identity is whose credentials were chosen; nil when none could be.
	Identity *Identity `json:"identity,omitempty"`
	// Cached is when the cached token for that identity ends.
	Cached *time.Time `json:"cachedUntil,omitempty"`
	// Problem is why a get would fail now as far as can be told offline, and
	// Next the commands that mend it.
	Problem string   `json:"problem,omitempty"`
	Next    []string `json:"next,omitempty"`
}

// Registry is what stands in the host name.
type Registry struct {
	Host      string `json:"host"`
	Account   string `json:"account,omitempty"`
	Region    string `json:"region"`
	Partition string `json:"partition"`
	FIPS      bool   `json:"fips"`
	DualStack bool   `json:"dualStack"`
	API       string `json:"api"` // the endpoint that is asked, overrides included
}

// Step is one of the places where credentials are looked for.
type Step struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail,omitempty"`
}

// Verdict is what a Step contributed.
type Verdict string

// The verdicts.
const (
	NoMatch Verdict = profile.NoMatch // it names no credentials
	Skipped Verdict = profile.Skipped // it names credentials that are not usable, and were not selected by name
	Taken   Verdict = profile.Taken   // its credentials are used
	Failed  Verdict = profile.Failed  // it decides, and the get fails
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

// State is what an SSO session can be used for.
type State string

// The states.
const (
	Live        State = "live"        // its token is valid
	Refreshable State = "refreshable" // its token expired and can be renewed without the user
	Expired     State = "expired"     // it needs a sign-in
	Missing     State = "missing"     // it has no token: it needs a sign-in
	Damaged     State = "damaged"     // its token file cannot be read
)

// Identity is a chosen identity.
type Identity struct {
	Kind    Kind     `json:"kind"`
	Source  string   `json:"source"`
	Profile string   `json:"profile,omitempty"`
	Session *Session `json:"session,omitempty"`
	Account string   `json:"account,omitempty"` // whose role it is; may differ from the registry's
	Role    string   `json:"role,omitempty"`
}

// Session is the SSO session behind an identity.
type Session struct {
	Name        string     `json:"name,omitempty"` // empty for a legacy profile
	StartURL    string     `json:"startUrl"`
	Region      string     `json:"region"`
	State       State      `json:"state"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty"`
	Refreshable bool       `json:"refreshable"`
}

// Explain tells what Get would do for serverURL. The error is
// registry.ErrNotECR for other hosts, or about files that cannot be read; that a
// get would fail is no error here but the Explanation's Problem.
func (h *Helper) Explain(serverURL string) (Explanation, error) {
	reg, err := registry.Parse(serverURL)
	if err != nil {
		return Explanation{}, err
	}
	st, err := h.load()
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Registry: Registry{
		Host: reg.Host, Account: reg.Account, Region: reg.Region, Partition: reg.Partition,
		FIPS: reg.FIPS, DualStack: reg.DualStack,
	}}
	// Until a profile is chosen, which may have an endpoint of its own.
	x.Registry.API, _ = awsclient.Endpoint(st.options(""), reg)
	if entry, ok := st.cache.Stored(reg.Host); ok {
		x.Stored = &entry.ExpiresAt
	}
	for _, err := range st.skipped {
		x.Skipped = append(x.Skipped, err.Error())
	}
	choice, walk, err := h.choose(st, reg)
	x.Steps = steps(walk)
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
	// Whether the container or the instance has credentials, only they can say.
	err = h.until(h.ctx, h.now().Add(deadline), req.complete)
	x.Identity = req.identity()
	if entry, ok := st.cache.Get(req.key); ok {
		x.Cached = &entry.ExpiresAt
	}
	if x.Cached == nil && x.Stored == nil {
		x.problem(cmp.Or(err, req.foresee()))
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

// foresee returns the error that a get would end in before it asks AWS, nil if it
// would ask.
func (r *request) foresee() error {
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
	case errors.Is(err, ssotoken.ErrMissing), errors.Is(err, ssotoken.ErrOtherStartURL):
		s.State = Missing
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

func steps(walk []profile.Step) []Step {
	all := make([]Step, len(walk))
	for i, s := range walk {
		all[i] = Step{Name: s.Name, Verdict: Verdict(s.Verdict), Detail: s.Detail}
	}
	return all
}

// SessionStatus is one SSO session of the AWS configuration and what it is worth
// now. It holds no secret.
type SessionStatus struct {
	Session
	// RefreshableUntil is when the client registration ends, the latest that the
	// token can renew itself; the session may be over before. nil: it cannot, or
	// nobody knows.
	RefreshableUntil *time.Time `json:"refreshableUntil,omitempty"`
	// Profiles are the complete SSO profiles on the session, in file order.
	Profiles []SessionProfile `json:"profiles"`
	// Next is the command that signs in, unless the session is live.
	Next []string `json:"next,omitempty"`
}

// SessionProfile is a profile on a session.
type SessionProfile struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Role    string `json:"role"`
}

// Usable reports whether the session can be asked for credentials, as far as can
// be told offline.
func (s SessionStatus) Usable() bool { return s.State == Live || s.State == Refreshable }

// Sessions returns the SSO sessions of the AWS configuration, in file order, then
// the start URLs of legacy profiles. It does not use the network. The error is
// about files that cannot be read.
func (h *Helper) Sessions() ([]SessionStatus, error) {
	st, err := h.load()
	if err != nil {
		return nil, err
	}
	var found []awsconfig.SSO // one for each session
	for _, s := range st.config.Sessions {
		found = append(found, awsconfig.SSO{Session: s.Name, StartURL: s.StartURL, SSORegion: s.Region})
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

func (h *Helper) sessionStatus(st *state, s awsconfig.SSO) SessionStatus {
	req := &request{h: h, st: st, sso: s}
	// Without a home directory there is no token file, and the session is missing.
	req.tokenFile, _ = ssotoken.Path(st.home, s.CacheKey())
	out := SessionStatus{Session: *req.sessionState()}
	if !out.Usable() {
		out.Next = []string{hint.LoginCommand(s.Session, s.Profile)}
	}
	if out.Refreshable {
		if t, err := req.token(); err == nil && !t.RegistrationExpiresAt.IsZero() {
			out.RefreshableUntil = &t.RegistrationExpiresAt
		}
	}
	return out
}
