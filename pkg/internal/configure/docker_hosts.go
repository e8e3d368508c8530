package configure

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// hosts returns the registries that are meant, each once, and the profiles that
// name none.
func (in DockerInput) hosts(file *dockerconfig.Config) (hosts []string, skipped []Note, err error) {
	switch {
	case len(in.Hosts) > 0:
		hosts, err = in.given(file)
	case in.Remove:
		for _, host := range slices.Sorted(maps.Keys(file.CredHelpers)) {
			if file.CredHelpers[host] == helper {
				hosts = append(hosts, host)
			}
		}
	default:
		var config *awsconfig.Config
		if config, err = in.Config(); err != nil {
			return nil, nil, hint.With(err, hint.DoctorCommand(""))
		}
		if hosts, skipped = ofProfiles(config); len(hosts) == 0 {
			err = hint.With(fmt.Errorf("%s has no SSO profile with a region, so there is no registry to add", config.Paths.Config),
				hint.ConfigureCommand(""))
		}
	}
	return unique(hosts), skipped, err
}

// given takes the hosts of the command line. To remove, a key is also taken as
// it stands in the file: nobody else could name one that is no registry.
func (in DockerInput) given(file *dockerconfig.Config) ([]string, error) {
	var hosts []string
	for _, arg := range in.Hosts {
		if _, there := file.CredHelpers[arg]; in.Remove && there {
			hosts = append(hosts, arg)
			continue
		}
		reg, err := registry.Parse(arg)
		if err != nil {
			return nil, fmt.Errorf("%q is %w", arg, err)
		}
		hosts = append(hosts, reg.Host)
	}
	return hosts, nil
}

// ofProfiles returns the registry of each SSO profile's account and region, in
// file order.
func ofProfiles(config *awsconfig.Config) (hosts []string, skipped []Note) {
	for _, p := range config.Profiles {
		s, ok, err := config.SSO(p.Name)
		if err != nil {
			skipped = append(skipped, Note{err.Error(), hint.ConfigureCommand(p.Name)})
		}
		if !ok {
			continue
		}
		if s.Region == "" {
			skipped = append(skipped, Note{fmt.Sprintf("profile %q has no region", p.Name),
				hint.ConfigureDockerCommand(s.Account + ".dkr.ecr.REGION.amazonaws.com")})
			continue
		}
		reg, err := registry.ForAccount(s.Account, s.Region)
		if err != nil {
			skipped = append(skipped, Note{fmt.Sprintf("profile %q: account %q in region %q has no ECR registry",
				p.Name, s.Account, s.Region), ""})
			continue
		}
		hosts = append(hosts, reg.Host)
	}
	return hosts, skipped
}

func unique(hosts []string) []string {
	var out []string
	for _, host := range hosts {
		if !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}
