package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// login checks each step of a get for the host without the caches. At the same time, it
// checks the connections to the services.
func (x *checkup) login(ctx context.Context) []Check {
	i, err := x.Helper.Inspect(x.host)
	if err != nil {
		cause, next := splitError(err)
		return append([]Check{check("profile", Problem, next, "%s", cause)}, skipped("no profile", "session", "role", "ecr login", "registry")...)
	}
	c, err := x.client(profileOf(i))
	if err != nil {
		cause, next := x.describeFault(err)
		return []Check{x.selected(i), check("network", Problem, next, "%s", cause)}
	}
	defer c.Close()
	t := &loginTest{x: x, i: i, c: c}
	var all []probe
	var steps, cached []Check
	var wg sync.WaitGroup
	wg.Go(crash.Guard(func() { all = probeAll(ctx, c, x.endpoints(i, c)) }))
	wg.Go(crash.Guard(func() { steps = t.steps(ctx) }))
	wg.Go(crash.Guard(func() { cached = t.cached(ctx) }))
	wg.Wait()
	out := []Check{x.selected(i), clock(all)}
	out = append(out, x.probeChecks(all, t.alive)...)
	return append(append(out, steps...), cached...)
}

func skipped(why string, names ...string) []Check {
	var out []Check
	for _, name := range names {
		out = append(out, check(name, Skipped, nil, "%s", why))
	}
	return out
}

func profileOf(i *credhelper.Inspection) string {
	if i.Identity == nil {
		return ""
	}
	return i.Identity.Profile
}

// endpoints returns the endpoints that this login needs.
func (x *checkup) endpoints(i *credhelper.Inspection, c *awsclient.Client) []endpoint {
	var out []endpoint
	if i.Identity != nil && i.Identity.Session != nil {
		out = ssoEndpoints(c, i.Identity.Session.Region)
	}
	if x.assumesRole(i) {
		url, err := c.STSEndpoint(x.reg.Region)
		out = append(out, endpoint{name: "sts", url: url, err: err, setting: c.STSSetting()})
	}
	url, err := i.Registry.API, error(nil)
	if url == "" {
		url, err = c.Endpoint(x.reg)
	}
	return append(out, endpoint{name: "ecr api", url: url, err: err, setting: c.ECRSetting(x.reg)})
}

// assumesRole reports whether the login needs a call to STS.
func (x *checkup) assumesRole(i *credhelper.Inspection) bool {
	if i.Identity == nil {
		return false
	}
	switch i.Identity.Kind {
	case credhelper.KindEnvironment:
		return x.Env.Get(env.AWSAccessKeyID) == "" && x.Env.Get(env.AWSWebIdentityTokenFile) != ""
	case credhelper.KindProfile:
		origin, err := x.config.Origin(i.Identity.Profile)
		return err == nil && (origin.Kind == awsconfig.FromWebID || len(origin.Roles) > 0)
	}
	return false
}

// selected reports the selected credentials.
func (x *checkup) selected(i *credhelper.Inspection) Check {
	const title = "profile"
	if i.Identity == nil {
		return check(title, Problem, withoutDoctor(i.Next), "%s", i.Problem)
	}
	detail := ""
	for _, s := range i.Steps {
		detail = s.Detail // the last step determined the selection
	}
	id := i.Identity
	if id.Account != "" && x.reg.Account != "" && id.Account != x.reg.Account {
		detail += fmt.Sprintf("; its account %s is not the registry's account, so the registry's policy must allow it", id.Account)
	}
	return check(title, OK, nil, "%s", detail)
}

// withoutDoctor removes the commands that call doctor.
func withoutDoctor(next []string) []string {
	_, out := splitError(hint.With(errors.New(""), next...))
	return out
}

// loginTest is a test of one login.
type loginTest struct {
	x     *checkup
	i     *credhelper.Inspection
	c     *awsclient.Client
	alive bool // the session is live, or none is needed
}

// steps tests the session, the role, the login and the registry. After a failed step, the
// following steps are skipped.
func (t *loginTest) steps(ctx context.Context) []Check {
	if t.i.Identity == nil {
		return skipped("no profile", "session", "role", "ecr login", "registry")
	}
	session, ok := t.session(ctx)
	if !ok {
		return append([]Check{session}, skipped("no valid session", "role", "ecr login", "registry")...)
	}
	t.alive = true
	creds, err := t.i.Credentials(ctx)
	if errors.Is(err, credhelper.ErrSessionRevoked) {
		// The access token has not expired, but the portal rejects it.
		t.alive = false
		return append([]Check{t.failed("session", err)}, skipped("no valid session", "role", "ecr login", "registry")...)
	}
	if err != nil {
		return append([]Check{session, t.failed("role", err)}, skipped("no credentials", "ecr login", "registry")...)
	}
	out := []Check{session, t.role(creds)}
	login, err := t.i.Login(ctx, creds)
	if err != nil {
		return append(append(out, t.failed("ecr login", err)), skipped("no login", "registry")...)
	}
	out = append(out, check("ecr login", OK, nil, "%s returned one, which expires %s", hostOf(t.i.Registry.API), hint.In(login.ExpiresAt, t.x.Now())))
	return append(out, t.registry(ctx, login, creds))
}

// failed reports the error of a step. Without a login, clients can still pull public images.
func (t *loginTest) failed(name string, err error) Check {
	if e, ok := errors.AsType[*credhelper.AnonymousError](err); ok {
		if err = e.Reason; e.Quiet {
			err = credhelper.ErrNoCredentials
		}
		cause, next := splitError(err)
		return check(name, Warning, next, "%s; clients continue without a login, and public images can be pulled", cause)
	}
	cause, next := splitError(err)
	return check(name, Problem, next, "%s", cause)
}

func (t *loginTest) session(ctx context.Context) (Check, bool) {
	const title = "session"
	s, err := t.i.Renew(ctx)
	switch {
	case err != nil:
		return t.failed(title, err), false
	case s == nil && t.x.usesLogin(t.i):
		return check(title, OK, nil, "`aws login` of profile %q, renewed automatically", profileOf(t.i)), true
	case s == nil:
		return check(title, Skipped, nil, "the credentials do not come from an SSO session"), true
	}
	name := s.StartURL
	if s.Name != "" {
		name = fmt.Sprintf("%q", s.Name)
	}
	detail := "signed in to " + name
	if s.ExpiresAt != nil {
		detail += "; access token expires " + hint.In(*s.ExpiresAt, t.x.Now())
	}
	if was := t.i.Identity.Session; was.State == credhelper.StateRefreshable {
		detail += ", renewed just now"
	} else if s.Refreshable {
		detail += ", renewed automatically"
	}
	return check(title, OK, nil, "%s", detail), true
}

// usesLogin reports whether the credentials come from an `aws login` session. The next step
// gets the session's keys and shows whether the session is usable.
func (x *checkup) usesLogin(i *credhelper.Inspection) bool {
	return slices.ContainsFunc(x.config.LoginProfiles(), func(p awsconfig.LoginProfile) bool { return p.Profile == profileOf(i) })
}

func (t *loginTest) role(creds credhelper.Credentials) Check {
	detail := "credentials from " + t.i.Identity.Source
	switch id := t.i.Identity; {
	case id.Role != "":
		detail = fmt.Sprintf("role %q in account %s", id.Role, id.Account)
	case id.Profile != "":
		detail = fmt.Sprintf("credentials of profile %q", id.Profile)
	}
	if creds.ExpiresAt.IsZero() {
		return check("role", OK, nil, "%s, which does not expire", detail)
	}
	return check("role", OK, nil, "%s, expires %s", detail, hint.In(creds.ExpiresAt, t.x.Now()))
}

// registry tests the new login against the registry.
func (t *loginTest) registry(ctx context.Context, login credhelper.Login, creds credhelper.Credentials) Check {
	const title = "registry"
	status, err := t.c.RegistryPing(ctx, t.x.reg, authorization(login))
	if err != nil {
		cause, next := t.x.describeFault(err)
		return check(title, Problem, next, "%s", cause)
	}
	host := t.x.host
	switch status {
	case 200:
		return check(title, OK, nil, "accepts the new login (200)")
	case 401:
		return check(title, Problem, nil, "%s rejects a new login (401); possible causes are a proxy and the wrong partition", host)
	case 403:
		return check(title, Problem, t.otherProfiles(), "%s accepts the login, but %s has no access to this registry (403)", host, t.principal(creds))
	case 404, 405:
		return check(title, Problem, nil, "%s returned %d: there is no such registry", host, status)
	}
	return check(title, Problem, nil, "%s returned %d", host, status)
}

func authorization(login credhelper.Login) awsclient.Authorization {
	return awsclient.Authorization{Username: login.Username, Password: secret.New(login.Password), ExpiresAt: login.ExpiresAt}
}

func (t *loginTest) principal(creds credhelper.Credentials) string {
	if creds.Account != "" {
		return "account " + creds.Account
	}
	return "that identity"
}

// otherProfiles lists the commands that select another profile in the registry's account.
func (t *loginTest) otherProfiles() []string {
	var next []string
	for _, s := range t.i.Candidates {
		if s.Name != t.i.Identity.Profile {
			next = append(next, hint.MapCommand(t.x.reg.Host, s.Name))
		}
	}
	return next
}

// cached tests the cached login, which a get would return without an AWS call. It may
// work although a step fails, or fail although a new login works.
func (t *loginTest) cached(ctx context.Context) []Check {
	const title = "cached login"
	login, ok := t.i.Cached()
	if !ok {
		return []Check{check(title, Skipped, nil, "none; the next docker command calls AWS")}
	}
	what := "cached"
	if login.Stored {
		what = "saved by docker login"
	}
	what += ", used first, expires " + hint.In(login.ExpiresAt, t.x.Now())
	status, err := t.c.RegistryPing(ctx, t.x.reg, authorization(login))
	switch {
	case err != nil:
		return []Check{check(title, Warning, nil, "%s; the registry cannot be reached", what)}
	case status == 200:
		return []Check{check(title, OK, nil, "%s; the registry accepts it (200)", what)}
	}
	return []Check{check(title, Problem, []string{hint.LogoutCommand("docker", t.x.host)}, "%s; the registry rejects it (%d)", what, status)}
}
