package credhelper

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Explanation describes what a get for a host would do. Explain does not call AWS, except
// for the credential endpoint of the container or instance if that is the next source of
// credentials. An Explanation contains no secrets.
type Explanation struct {
	Registry Registry `json:"registry"`
	// StoredUntil is the expiry of a login saved by `docker login` for the host. Until then,
	// get returns that login.
	StoredUntil *time.Time `json:"storedUntil,omitempty"`
	// Skipped lists unreadable files and ignored settings, with reasons.
	Skipped []string `json:"skipped,omitempty"`
	// Steps lists the searched credential sources in order, up to the selected one.
	Steps []Step `json:"steps"`
	// Identity is the selected identity; nil if none was selected.
	Identity *Identity `json:"identity,omitempty"`
	// CachedUntil is the expiry of the cached login for that identity.
	CachedUntil *time.Time `json:"cachedUntil,omitempty"`
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
	VerdictNoMatch  Verdict = profile.NoMatch  // specifies no credentials
	VerdictSkipped  Verdict = profile.Skipped  // its credentials are not usable and were not requested explicitly
	VerdictSelected Verdict = profile.Selected // its credentials are used
	VerdictFailed   Verdict = profile.Failed   // selected, but the get fails
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

// Identity is the identity whose credentials a get uses.
type Identity struct {
	Kind    Kind     `json:"kind"`
	Source  string   `json:"source"`
	Profile string   `json:"profile,omitempty"`
	Session *Session `json:"session,omitempty"`
	Account string   `json:"account,omitempty"` // the role's account; may differ from the registry's
	Role    string   `json:"role,omitempty"`
}

// Explain returns what Get would do for serverURL. The error is registry.ErrNotECR for
// other hosts, or reports files that cannot be read. If Get would fail, Explain returns the
// reason in Explanation.Problem, not as an error.
func (h *Helper) Explain(serverURL string) (Explanation, error) {
	i, err := h.inspect(serverURL)
	if err != nil {
		return Explanation{}, err
	}
	return i.Explanation, nil
}

// inspect selects the credentials and explains the result.
func (h *Helper) inspect(serverURL string) (*Inspection, error) {
	reg, alias, err := h.registry(serverURL)
	if err != nil {
		return nil, err
	}
	st, err := h.state()
	if err != nil {
		return nil, err
	}
	i := &Inspection{reg: reg, st: st, Explanation: Explanation{Registry: Registry{
		Alias: alias, Host: reg.Host, Account: reg.Account, Region: reg.Region, Partition: reg.Partition,
		FIPS: reg.FIPS, DualStack: reg.DualStack,
	}}}
	x := &i.Explanation
	// This is the default. The selected profile may have another endpoint.
	x.Registry.API, _ = awsclient.Endpoint(st.options(""), reg)
	if entry, ok := st.cache.Stored(reg.Host); ok {
		x.StoredUntil = &entry.ExpiresAt
	}
	for _, err := range st.skipped {
		x.Skipped = append(x.Skipped, err.Error())
	}
	if st.settings.Ignored != nil {
		x.Skipped = append(x.Skipped, st.settings.Ignored.Error())
	}
	choice, steps, err := h.choose(st, reg)
	x.Steps = publicSteps(steps)
	if err == nil {
		i.req, err = h.newRequest(st, reg, choice)
	}
	if err != nil {
		i.err = err
		x.problem(err)
		return i, nil
	}
	i.explainRequest()
	return i, nil
}

// explainRequest adds the selected identity, its cached login, and the reason why a get
// would fail.
func (i *Inspection) explainRequest() {
	h, req, x := i.req.h, i.req, &i.Explanation
	x.Registry.API = req.key.Endpoint
	// Only the container or instance endpoint knows whether it has credentials.
	err := req.complete(h.ctx, h.now().Add(deadline))
	x.Identity = req.identity()
	if entry, ok := i.st.cache.Get(req.key); ok {
		x.CachedUntil = &entry.ExpiresAt
	}
	if x.CachedUntil == nil && x.StoredUntil == nil {
		x.problem(cmp.Or(err, req.expectedError()))
	}
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

// identity describes the selected credentials.
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

func publicSteps(steps []profile.Step) []Step {
	all := make([]Step, len(steps))
	for i, s := range steps {
		all[i] = Step{Name: s.Name, Verdict: Verdict(s.Verdict), Detail: s.Detail}
	}
	return all
}

// Inspection performs a get step by step, for diagnosis. Each step calls AWS and bypasses
// the caches, to find errors that a cached login hides. The only file that it writes is the
// token of a session that had to be refreshed.
type Inspection struct {
	Explanation
	// Candidates lists the SSO profiles of the registry's account.
	Candidates []SessionProfile

	reg registry.Registry
	st  *state
	req *request // nil without an Identity
	err error    // why there is no Identity
}

// Credentials are AWS credentials from an Inspection. The keys are not exported.
type Credentials struct {
	Account   string    // "" if not returned by AWS
	ExpiresAt time.Time // zero: no expiry

	keys awscache.Credentials
}

// Inspect prepares an Inspection. It returns the same errors as Explain. If no identity was
// selected, the methods of the Inspection return the reason.
func (h *Helper) Inspect(serverURL string) (*Inspection, error) {
	i, err := h.inspect(serverURL)
	if err != nil {
		return nil, err
	}
	profiles, _ := i.st.config.ForAccount(i.reg.Account)
	for _, sso := range profiles {
		i.Candidates = append(i.Candidates, SessionProfile{Name: sso.Profile, Account: sso.Account, Role: sso.Role})
	}
	if i.req != nil {
		if err := i.req.connect(); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// Renew refreshes the SSO session's token if necessary and returns the session, or nil if
// the identity has no session.
func (i *Inspection) Renew(ctx context.Context) (*Session, error) {
	if i.req == nil {
		return nil, i.err
	}
	if i.req.tokenFile == "" {
		return nil, nil
	}
	if _, err := i.req.session(ctx, secret.Secret{}); err != nil {
		return nil, i.req.describe(err)
	}
	return i.req.sessionState(), nil
}

// Credentials gets the identity's AWS credentials.
func (i *Inspection) Credentials(ctx context.Context) (Credentials, error) {
	if i.req == nil {
		return Credentials{}, i.err
	}
	creds, err := i.credentials(ctx)
	if err != nil {
		return Credentials{}, i.req.describe(err)
	}
	return Credentials{Account: creds.Account, ExpiresAt: creds.Expiration, keys: creds}, nil
}

func (i *Inspection) credentials(ctx context.Context) (awscache.Credentials, error) {
	if i.req.choice.Kind != profile.SSO {
		c, _, err := i.req.credentials(ctx)
		return c, err
	}
	token, err := i.req.session(ctx, secret.Secret{})
	if err != nil {
		return awscache.Credentials{}, err
	}
	c, err := i.req.client.RoleCredentials(ctx, i.req.sso, i.req.tokenFile, token)
	if !isKind(err, awsclient.Unauthorized) {
		return c, err
	}
	// As in a get, one refresh may fix it. Unlike a get, keep a rejected token in its file,
	// for diagnosis.
	if token, err = i.req.session(ctx, token.AccessToken); err != nil {
		if errors.Is(err, ErrSessionExpired) {
			err = i.req.revoked()
		}
		return awscache.Credentials{}, err
	}
	c, err = i.req.client.RoleCredentials(ctx, i.req.sso, i.req.tokenFile, token)
	if isKind(err, awsclient.Unauthorized) {
		err = i.req.revoked()
	}
	return c, err
}

// Login gets a login for the registry with the credentials.
func (i *Inspection) Login(ctx context.Context, c Credentials) (Login, error) {
	if i.req == nil {
		return Login{}, i.err
	}
	auth, err := i.req.client.AuthorizationToken(ctx, i.reg, c.keys)
	if err != nil {
		return Login{}, i.req.describe(err)
	}
	return Login{Username: auth.Username, Password: auth.Password.Reveal(), ExpiresAt: auth.ExpiresAt, Identity: *i.Identity}, nil
}

// Cached returns the login that a get would return now without calling AWS: a login saved
// by docker login, or a cached one. ok is false if there is none.
func (i *Inspection) Cached() (login Login, ok bool) {
	entry, ok := i.st.cache.Stored(i.reg.Host)
	if !ok && i.req != nil {
		entry, ok = i.st.cache.Get(i.req.key)
	}
	if !ok {
		return Login{}, false
	}
	return newLogin(entry, i.req), true
}
