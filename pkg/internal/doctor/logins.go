package doctor

import (
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// logins looks for logins that some client uses instead of asking us, or that
// lie about in plain text.
func (x *examination) logins() Check {
	const title = "other logins"
	if key := x.inAuthConfig(); key != "" {
		return check(title, Problem, []string{hint.UnsetCommand(env.DockerAuthConfig.Name())},
			"%s holds a login for %s, which newer docker clients use instead of %s", env.DockerAuthConfig.Name(), key, helper)
	}
	if x.dockerFile != nil {
		for _, key := range x.dockerFile.AuthHosts {
			if !x.means(key) {
				continue
			}
			next := []string{"docker logout " + key}
			if dockerconfig.IsHelper(x.dockerFile.CredHelpers[bare(key)]) || dockerconfig.IsHelper(x.dockerFile.CredsStore) {
				return check(title, Warning, next, "%s holds an old login for %s in plain text; it is not used", x.dockerFile.Path, key)
			}
			return check(title, Problem, next, "%s holds a login for %s in plain text, which is used instead of %s", x.dockerFile.Path, key, helper)
		}
	}
	for _, f := range x.podmanFile {
		if f.err != nil {
			continue
		}
		for _, key := range f.AuthHosts {
			if x.means(key) {
				return check(title, Warning, []string{"podman logout " + bare(key)},
					"%s holds a login for %s, which podman uses unless the same file names %s", f.path, key, helper)
			}
		}
	}
	if c, key := x.inHelm(); key != "" {
		return check(title, Warning, []string{"helm registry logout " + bare(key)},
			"%s holds a login for %s, which helm uses instead of %s", c.Path, key, helper)
	}
	return check(title, OK, nil, "none that a client would use instead")
}

// means reports whether a key of auths is about our host, or, without one, about
// any private ECR registry.
func (x *examination) means(key string) bool {
	reg, err := registry.Parse(key)
	return err == nil && (reg.Host == x.host || x.host == "")
}

func bare(key string) string {
	if reg, err := registry.Parse(key); err == nil {
		return reg.Host
	}
	return strings.TrimPrefix(key, "https://")
}

// inAuthConfig returns the key of the first login in DOCKER_AUTH_CONFIG that clients use
// instead of this helper, "" without one.
func (x *examination) inAuthConfig() string {
	for _, key := range dockerconfig.AuthConfigHosts(x.Env) {
		if x.means(key) {
			return key
		}
	}
	return ""
}

// inHelm looks into the file of `helm registry login`, which helm reads before
// Docker's.
func (x *examination) inHelm() (*dockerconfig.Config, string) {
	dir := x.Env.Get(env.XDGConfigHome)
	if !filepath.IsAbs(dir) {
		if x.home == "" {
			return nil, ""
		}
		dir = filepath.Join(x.home, ".config")
	}
	c, err := dockerconfig.Load(filepath.Join(dir, "helm", "registry", "config.json"))
	if err != nil {
		return nil, ""
	}
	for _, key := range c.AuthHosts {
		if x.means(key) {
			return c, key
		}
	}
	return nil, ""
}
