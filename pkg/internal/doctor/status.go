package doctor

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Status lists the sessions and registries, with the data that is available offline. It
// contains no secrets.
type Status struct {
	AWSConfig  string                     `json:"awsConfig"`
	AWSTrouble string                     `json:"awsProblem,omitempty"` // why the AWS files cannot be read
	AWSNext    []string                   `json:"awsNext,omitempty"`    // the commands that fix this
	Sessions   []credhelper.SessionStatus `json:"sessions"`
	Logins     []credhelper.LoginSession  `json:"awsLogins,omitempty"` // sessions of `aws login`
	Docker     string                     `json:"dockerConfig"`
	Podman     []string                   `json:"podmanConfig,omitempty"`  // podman files that name this helper
	Trouble    string                     `json:"dockerProblem,omitempty"` // why Docker's file cannot be read
	Every      []Check                    `json:"allRegistries,omitempty"` // how Docker calls this helper for every registry
	Registries []credhelper.Explanation   `json:"registries"`
	// Usable means that a session is live or can be refreshed, or that a login to one of
	// the registries is possible.
	Usable bool `json:"usable"`
}

// Status returns the SSO sessions, the registries for which Docker's or podman's
// configuration names this helper, and the registries with a cached login. With all, it also
// returns the registries of all SSO profiles with a usable session. It returns an error if
// our settings or the AWS files cannot be read.
func (d *Doctor) Status(all bool) (Status, error) {
	x := &checkup{Doctor: d, home: d.Env.HomeDir()}
	x.load()
	sessions, err := d.Helper.Sessions()
	if err != nil {
		return Status{}, err
	}
	logins, err := d.Helper.LoginSessions()
	if err != nil {
		return Status{}, err
	}
	s := Status{Sessions: sessions, Logins: logins, Docker: x.tilde(dockerconfig.Path(d.Env, x.home)), Registries: []credhelper.Explanation{}}
	s.AWSConfig = x.tilde(awsconfig.DefaultPaths(d.Env, x.home).Config)
	if x.configErr != nil {
		cause, next := splitError(x.configErr)
		s.AWSTrouble, s.AWSNext = x.tilde(cause), next
	} else if s.AWSConfig == "" {
		_, noHome := d.Env.FindHome()
		s.AWSTrouble, s.AWSNext = splitError(noHome)
	}
	if x.dockerErr != nil {
		s.Trouble = x.tilde(x.dockerErr.Error())
	}
	s.Every = x.report(x.everyRegistry()).Checks
	hosts, podman := x.served()
	for _, path := range podman {
		s.Podman = append(s.Podman, x.tilde(path))
	}
	more := d.Helper.CachedRegistries
	if all {
		more = d.Helper.Registries
	}
	others, err := more()
	if err != nil {
		return Status{}, err
	}
	hosts = append(hosts, others...)
	slices.Sort(hosts)
	for _, host := range slices.Compact(hosts) {
		e, err := d.Helper.Explain(host)
		if err != nil {
			return Status{}, err
		}
		s.Registries = append(s.Registries, e)
	}
	s.Usable = slices.ContainsFunc(s.Sessions, credhelper.SessionStatus.Usable) ||
		slices.ContainsFunc(s.Logins, credhelper.LoginSession.Usable) ||
		slices.ContainsFunc(s.Registries, x.canLogin)
	return s, nil
}

// served returns the registries for which Docker or podman calls this helper, sorted, and
// the podman files that name it. credsStore and registries.conf apply to all registries. In
// that case, served returns the registries that have a login or can get one.
func (x *checkup) served() (hosts, podman []string) {
	if x.dockerFile != nil {
		hosts, _ = x.dockerFile.Served(x.aliases())
	}
	for _, f := range x.podmanFile {
		if f.err != nil {
			continue
		}
		if more, _ := f.Served(x.aliases()); len(more) > 0 {
			hosts, podman = append(hosts, more...), append(podman, f.path)
		}
	}
	if x.registriesConf != "" {
		podman = append(podman, x.registriesConf)
	}
	if x.registriesConf != "" || x.dockerFile != nil && dockerconfig.IsHelper(x.dockerFile.CredsStore) {
		known, _ := x.Helper.Registries() // an error is about the files, which have their own checks
		hosts = append(hosts, known...)
		hosts = slices.AppendSeq(hosts, maps.Keys(x.aliases()))
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), podman
}

// canLogin reports whether a get for the registry would succeed, based on data that is
// available offline. For container or instance credentials, it returns true only if the
// default profile names a source.
func (x *checkup) canLogin(e credhelper.Explanation) bool {
	switch {
	case e.StoredUntil != nil, e.CachedUntil != nil:
		return true
	case e.Problem != "" || e.Identity == nil:
		return false
	case e.Identity.Kind != credhelper.KindChain:
		return true
	}
	p, ok := x.config.Profile("default")
	return ok && slices.ContainsFunc([]string{"aws_access_key_id", "role_arn", "credential_process", "web_identity_token_file"},
		func(key string) bool { return p.Keys().Get(key) != "" })
}

// Limits for registries: with more than mostListed registries, it lists only mostProblems
// of those with a problem.
const (
	mostListed   = 20
	mostProblems = 5
)

// registries checks each registry in Docker's configuration offline. It runs without a host.
// An organization may have hundreds of registries. In that case, the unlisted registries
// share a line.
func (x *checkup) registries() []Check {
	hosts, _ := x.served()
	var out []Check
	fine, more := 0, 0
	for _, host := range hosts {
		c := x.registry(host)
		switch {
		case len(hosts) <= mostListed:
			out = append(out, c)
		case c.Verdict == OK:
			fine++
		case len(out) < mostProblems:
			out = append(out, c)
		default:
			more++
		}
	}
	if more > 0 {
		out = append(out, check(registryTitle, Problem, []string{hint.StatusCommand()}, "and %s with a problem", hint.Count(more, "more registry")))
	}
	if fine > 0 {
		out = append(out, check(registryTitle, OK, nil, "%s with credentials or a cached login", hint.Count(fine, "registry")))
	}
	return out
}

const registryTitle = "registry"

// registry checks one registry offline.
func (x *checkup) registry(host string) Check {
	e, err := x.Helper.Explain(host)
	switch {
	case err != nil:
		// The file checks report the cause.
		return check(registryTitle, Skipped, nil, "%s: not checked, because a file cannot be read", host)
	case e.Problem != "" && e.CachedUntil == nil && e.StoredUntil == nil:
		v := Problem
		if IsPublic(host) {
			v = Warning // clients can pull images without a login
		}
		return check(registryTitle, v, withoutDoctor(e.Next), "%s: %s", host, e.Problem)
	}
	return check(registryTitle, OK, nil, "%s: %s", host, Resolved(e, x.Now()))
}

// IsPublic reports whether clients can pull images from the registry without a login.
func IsPublic(host string) bool {
	reg, err := registry.Parse(host)
	return err == nil && reg.Service == registry.Public
}

// Resolved describes the credentials for a registry, and the expiry of its login.
func Resolved(e credhelper.Explanation, now time.Time) string {
	from := "no credentials"
	if id := e.Identity; id != nil {
		from = id.Source
		if id.Profile != "" {
			from = fmt.Sprintf("profile %q", id.Profile)
		}
	}
	switch {
	case e.StoredUntil != nil:
		return "login saved by docker login, expires " + hint.In(*e.StoredUntil, now)
	case e.CachedUntil != nil:
		return from + ", cached login expires " + hint.In(*e.CachedUntil, now)
	}
	return from + ", no cached login yet"
}
