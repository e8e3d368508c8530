package configure

import (
	"fmt"
	"os"
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// left tells, after a removal from one file, which other files still make a client ask
// this helper, with the command that changes that.
func (in DockerInput) left(removed string) (notes []Note) {
	home := in.Env.HomeDir()
	docker := dockerconfig.Path(in.Env, home)
	paths := append([]string{docker}, dockerconfig.PodmanPaths(in.Env, home, os.Getuid())...)
	for i, path := range paths {
		if path == "" || slices.Contains(paths[:i], path) {
			continue
		}
		file, err := dockerconfig.Load(path)
		if err != nil {
			continue
		}
		hosts, strange := file.Served()
		if n := len(hosts) + len(strange); n > 0 && path != removed {
			notes = append(notes, Note{fmt.Sprintf("%s still names %s (%d in credHelpers)", path, helper, n), in.removal(path, docker)})
		}
		if dockerconfig.IsHelper(file.CredsStore) {
			notes = append(notes, Note{fmt.Sprintf("%s still has %s as credsStore; remove that line", path, helper), ""})
		}
	}
	if path := dockerconfig.RegistriesConf(home); path != "" {
		notes = append(notes, Note{fmt.Sprintf("%s still names %s in credential-helpers; remove it there", path, helper), ""})
	}
	return notes
}

// removal is the command that takes the entries out of a file, "" for one that
// configure-docker does not change.
func (in DockerInput) removal(path, docker string) string {
	switch path {
	case docker:
		return hint.ConfigureDockerCommand("--remove")
	case dockerconfig.PodmanPath(in.Env, in.Env.HomeDir()):
		return hint.ConfigureDockerCommand("--podman", "--remove")
	}
	return ""
}

// stays lists what a removal does not touch: the settings and the cached logins.
func (in DockerInput) stays() (paths []string) {
	for _, path := range []string{settings.Path(in.Env), in.Env.CacheDir()} {
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}
