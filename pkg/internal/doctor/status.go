package doctor

import (
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
)

// Status is what there is to log in with, told without the network. It holds no
// secret.
type Status struct {
	AWSConfig  string                     `json:"awsConfig"`
	Sessions   []credhelper.SessionStatus `json:"sessions"`
	Docker     string                     `json:"dockerConfig"`
	Podman     []string                   `json:"podmanConfig,omitempty"`  // podman's files that name us
	Trouble    string                     `json:"dockerProblem,omitempty"` // why Docker's file cannot be read
	Registries []credhelper.Explanation   `json:"registries"`
	// Usable: a session is live or renews itself, or some registry could be
	// logged in to.
	Usable bool `json:"usable"`
}

// Status looks at the SSO sessions and at the registries that Docker's
// or podman's configuration sends to us. The
// error is about our own or the AWS files, when they cannot be read.
func (d *Doctor) Status() (Status, error) {
	x := &examination{Doctor: d, home: d.Env.HomeDir()}
	x.load()
	sessions, err := d.Helper.Sessions()
	if err != nil {
		return Status{}, err
	}
	s := Status{Sessions: sessions, Docker: x.tilde(dockerconfig.Path(d.Env, x.home)), Registries: []credhelper.Explanation{}}
	if x.config != nil {
		s.AWSConfig = x.tilde(x.config.Paths.Config)
	}
	if x.dockerErr != nil {
		s.Trouble = x.tilde(x.dockerErr.Error())
	}
	hosts, podman := x.served()
	for _, path := range podman {
		s.Podman = append(s.Podman, x.tilde(path))
	}
	for _, host := range hosts {
		e, err := d.Helper.Explain(host)
		if err != nil {
			return Status{}, err
		}
		s.Registries = append(s.Registries, e)
	}
	s.Usable = slices.ContainsFunc(s.Sessions, credhelper.SessionStatus.Usable) ||
		slices.ContainsFunc(s.Registries, x.answers)
	return s, nil
}

// served lists the registries that Docker or podman asks us about, sorted, and the
// files of podman's that say so. Where every registry is ours (credsStore,
// registries.conf), these are the ones that a login is held for or can be had.
func (x *examination) served() (hosts, podman []string) {
	if x.dockerFile != nil {
		hosts, _ = x.dockerFile.Served()
	}
	for _, f := range x.podmanFile {
		if f.err != nil {
			continue
		}
		if more, _ := f.Served(); len(more) > 0 {
			hosts, podman = append(hosts, more...), append(podman, f.path)
		}
	}
	if x.registriesConf != "" {
		podman = append(podman, x.registriesConf)
	}
	if x.registriesConf != "" || x.dockerFile != nil && dockerconfig.IsHelper(x.dockerFile.CredsStore) {
		known, _ := x.Helper.Registries() // its error is that of the files, which is told elsewhere
		hosts = append(hosts, known...)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), podman
}

// answers reports whether a get for the registry would go well, as far as can be
// told offline. Nobody knows what the container or the instance provides, unless the
// default profile has something for it.
func (x *examination) answers(e credhelper.Explanation) bool {
	switch {
	case e.Stored != nil, e.Cached != nil:
		return true
	case e.Problem != "" || e.Identity == nil:
		return false
	case e.Identity.Kind != "chain":
		return true
	}
	p, ok := x.config.Profile("default")
	return ok && slices.ContainsFunc([]string{"aws_access_key_id", "role_arn", "credential_process", "web_identity_token_file"},
		func(key string) bool { return p.Keys().Get(key) != "" })
}
