package credhelper

import (
	"cmp"
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
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
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	Detail  string `json:"detail,omitempty"`
}

// Identity is a chosen identity.
type Identity struct {
	Kind    string   `json:"kind"` // sso, profile, environment or chain
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
	State       string     `json:"state"` // live, refreshable, expired, missing or damaged
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
	who, walk, err := h.choose(st, reg)
	x.Steps = steps(walk)
	if err != nil {
		x.problem(err)
		return x, nil
	}
	ask, err := h.asker(st, reg, who)
	if err != nil {
		x.problem(err)
		return x, nil
	}
	x.Registry.API = ask.key.Endpoint
	// Whether the container or the instance has credentials, only they can say.
	err = h.until(h.now().Add(deadline), ask.complete)
	x.Identity = ask.identity()
	if entry, ok := st.cache.Get(ask.key); ok {
		x.Cached = &entry.ExpiresAt
	}
	if x.Cached == nil && x.Stored == nil {
		x.problem(cmp.Or(err, ask.foresee()))
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
func (a *asker) foresee() error {
	if err := a.needsMFA(); err != nil {
		return err
	}
	if a.tokenFile == "" {
		return a.noLogin()
	}
	if a.who.Kind == profile.SSO {
		if _, ok := a.keptRole(); ok {
			return nil
		}
	}
	token, err := a.token()
	now := a.h.now()
	switch {
	case err != nil:
		return a.noToken(err)
	case token.Live(now), token.Refreshable(now):
		return nil
	default:
		return a.expired(token)
	}
}

func (a *asker) identity() *Identity {
	id := &Identity{Source: a.who.Source, Profile: a.who.Profile}
	switch a.who.Kind {
	case profile.SSO:
		id.Kind, id.Account, id.Role = "sso", a.sso.Account, a.sso.Role
	case profile.SDKProfile:
		id.Kind = "profile"
	case profile.Environment:
		id.Kind = "environment"
	default:
		id.Kind = "chain"
	}
	if a.tokenFile != "" {
		id.Session = a.sessionState()
	}
	return id
}

func (a *asker) sessionState() *Session {
	s := &Session{Name: a.sso.Session, StartURL: a.sso.StartURL, Region: a.sso.SSORegion}
	token, err := a.token()
	now := a.h.now()
	switch {
	case errors.Is(err, ssotoken.ErrMissing), errors.Is(err, ssotoken.ErrOtherStartURL):
		s.State = "missing"
		return s
	case err != nil:
		s.State = "damaged"
		return s
	case token.Live(now):
		s.State = "live"
	case token.Refreshable(now):
		s.State = "refreshable"
	default:
		s.State = "expired"
	}
	s.ExpiresAt, s.Refreshable = &token.ExpiresAt, token.Refreshable(now)
	return s
}

func steps(walk []profile.Step) []Step {
	all := make([]Step, len(walk))
	for i, s := range walk {
		all[i] = Step(s)
	}
	return all
}
