package configure

import (
	"fmt"
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// warnings tells what would keep clients from asking us about the hosts, or
// makes the entries look better than they are.
func (in DockerInput) warnings(file *dockerconfig.Config, hosts []string) []Note {
	var notes []Note
	if _, err := programs.Find(in.Env, hint.Program); err != nil {
		notes = append(notes, Note{hint.Program + " is not on PATH, where docker looks for it", hint.DoctorCommand("")})
	}
	for _, key := range dockerconfig.AuthConfigHosts(in.Env) {
		if names(key, hosts) {
			notes = append(notes, Note{fmt.Sprintf("%s holds a login for %s, which newer docker clients use instead",
				env.DockerAuthConfig.Name(), key), hint.UnsetCommand(env.DockerAuthConfig.Name())})
		}
	}
	client := "docker"
	if in.Podman {
		client = "podman"
	}
	for _, key := range file.AuthHosts {
		if names(key, hosts) {
			notes = append(notes, Note{fmt.Sprintf("%s holds a login for %s in plain text, which some clients use instead",
				file.Path, key), client + " logout " + key})
		}
	}
	return notes
}

// names reports whether a key of auths is about one of the hosts.
func names(key string, hosts []string) bool {
	reg, err := registry.Parse(key)
	return err == nil && slices.Contains(hosts, reg.Host)
}
