package doctor

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/fallback"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// docker checks whether Docker's configuration names this helper for the host.
func (x *checkup) docker() Check {
	const title = "docker config"
	c := x.dockerFile
	switch {
	case x.dockerErr != nil && c == nil && dockerconfig.Path(x.Env, x.home) != "":
		return x.unreadable(title, dockerconfig.Path(x.Env, x.home), x.dockerErr)
	case x.dockerErr != nil:
		return check(title, Problem, nil, "%v", x.dockerErr)
	}
	where := c.Path
	if x.Env.Get(env.DockerConfig) != "" {
		where += " (" + env.DockerConfig.Name() + ")"
	}
	if x.host != "" {
		return x.dockerHost(title, where)
	}
	hosts, strange := c.Served(x.aliases())
	switch {
	case len(strange) > 0:
		return check(title, Warning, configureDocker(remove, strange[0]),
			"%s names %s for %s, which is not the bare host name of an ECR registry", where, helper, firstFew(strange))
	case len(hosts) > 0:
		return check(title, OK, nil, "%s names %s for %s", where, helper, hint.Count(len(hosts), "registry"))
	case dockerconfig.IsHelper(c.CredsStore):
		return check(title, OK, nil, "%s has %s as credsStore, for every registry", where, helper)
	case x.podmanCalls(""):
		return check(title, Warning, configureDocker("", ""), "%s does not name %s, only podman's file does", where, helper)
	case !c.Exists:
		return check(title, Problem, configureDocker("", ""), "%s does not exist, so docker calls no helper", where)
	}
	return check(title, Problem, configureDocker("", ""), "%s does not name %s for any registry", where, helper)
}

func (x *checkup) dockerHost(title, where string) Check {
	c := x.dockerFile
	served, named := c.CredHelpers[x.host]
	switch {
	case dockerconfig.IsHelper(served):
		return check(title, OK, nil, "%s names %s", where, served)
	case named:
		return check(title, Problem, configureDocker(overwrite, x.host), "%s names the helper %q for it", where, served)
	}
	for _, key := range slices.Sorted(maps.Keys(c.CredHelpers)) {
		if reg, err := registry.Parse(key); err == nil && reg.Host == x.host {
			return check(title, Problem, configureDocker("", x.host),
				"%s has the key %q, but docker looks for the bare host name", where, key)
		}
	}
	switch {
	case dockerconfig.IsHelper(c.CredsStore):
		return check(title, OK, nil, "%s has %s as credsStore, for every registry", where, helper)
	case x.podmanCalls(x.host):
		return check(title, Warning, configureDocker("", x.host), "%s does not name %s for it, only podman's file does", where, helper)
	case !c.Exists:
		return check(title, Problem, configureDocker("", x.host), "%s does not exist, so docker calls no helper", where)
	case c.CredsStore != "":
		return check(title, Problem, configureDocker("", x.host),
			"%s does not name %s for it, so docker uses the credsStore %q", where, helper, c.CredsStore)
	}
	return check(title, Problem, configureDocker("", x.host), "%s does not name %s for it", where, helper)
}

// aliases returns the registry aliases in the settings.
func (x *checkup) aliases() map[string]string {
	if x.Helper == nil {
		return nil
	}
	return x.Helper.Aliases()
}

// podmanFile is a file that podman reads in addition to Docker's file.
type podmanFile struct {
	path string
	*dockerconfig.Config
	err error
}

// loadPodman reads the existing podman files.
func (x *checkup) loadPodman() {
	for _, path := range dockerconfig.PodmanPaths(x.Env, x.home, os.Getuid()) {
		if path == dockerconfig.Path(x.Env, x.home) {
			continue
		}
		c, err := dockerconfig.Load(path)
		if err != nil || c.Exists {
			x.podmanFile = append(x.podmanFile, podmanFile{path, c, err})
		}
	}
}

// podmanCalls reports whether podman's configuration names this helper for the host, or for
// any host if host is "".
func (x *checkup) podmanCalls(host string) bool {
	return x.registriesConf != "" || slices.ContainsFunc(x.podmanFile, func(f podmanFile) bool {
		if f.err != nil {
			return false
		}
		hosts, _ := f.Config.Served(x.aliases())
		return len(hosts) > 0 && (host == "" || slices.Contains(hosts, host))
	})
}

func (x *checkup) podman() Check {
	const title = "podman config"
	if len(x.podmanFile) == 0 && x.registriesConf != "" {
		return check(title, OK, nil, "%s names %s for every registry", x.registriesConf, helper)
	}
	if len(x.podmanFile) == 0 {
		return check(title, Skipped, nil, "no auth.json, podman reads Docker's file")
	}
	var paths []string
	for _, f := range x.podmanFile {
		if f.err != nil {
			return x.unreadable(title, f.path, f.err)
		}
		if served, named := f.CredHelpers[x.host]; named && !dockerconfig.IsHelper(served) {
			return check(title, Problem, configureDocker(podmanOverwrite, x.host), "%s names the helper %q for it", f.path, served)
		}
		paths = append(paths, f.path)
	}
	if x.registriesConf != "" {
		return check(title, OK, nil, "%s names %s for every registry", x.registriesConf, helper)
	}
	what := "it"
	if x.host == "" {
		what = "registries"
	}
	detail := fmt.Sprintf("%s names %s for %s", firstFew(paths), helper, what)
	if !x.podmanCalls(x.host) {
		detail = firstFew(paths) + " does not name a helper, podman then reads Docker's file"
		if x.Env.Get(env.RegistryAuthFile) != "" {
			return check(title, Warning, configureDocker(podman, x.host),
				"%s (%s) does not name %s for %s, and podman reads no other file", firstFew(paths), env.RegistryAuthFile.Name(), helper, what)
		}
	}
	return check(title, OK, nil, "%s", detail)
}

// logins looks for plain-text logins, which some clients use instead of this helper.
func (x *checkup) logins() Check {
	const title = "other logins"
	if key := x.inAuthConfig(); key != "" {
		return check(title, Problem, []string{hint.UnsetCommand(env.DockerAuthConfig.Name())},
			"%s has a login for %s, which docker 28.3 and newer uses instead of %s", env.DockerAuthConfig.Name(), key, helper)
	}
	if x.dockerFile != nil {
		for _, key := range x.dockerFile.AuthHosts {
			if !x.isForHost(key) {
				continue
			}
			next := []string{hint.LogoutCommand("docker", key)}
			if dockerconfig.IsHelper(x.dockerFile.CredHelpers[hostOfKey(key)]) || dockerconfig.IsHelper(x.dockerFile.CredsStore) {
				return check(title, Warning, next, "%s", x.dockerFile.Leftover(key))
			}
			return check(title, Problem, next, "%s has a login for %s in plain text, which clients use instead of %s", x.dockerFile.Path, key, helper)
		}
	}
	for _, f := range x.podmanFile {
		if f.err != nil {
			continue
		}
		for _, key := range f.AuthHosts {
			if x.isForHost(key) {
				return check(title, Warning, []string{hint.LogoutCommand("podman", hostOfKey(key))},
					"%s has a login for %s, which podman uses unless the same file names %s", f.path, key, helper)
			}
		}
	}
	if c, key := x.inHelm(); key != "" {
		return check(title, Warning, []string{hint.LogoutCommand("helm registry", hostOfKey(key))},
			"%s has a login for %s, which helm uses instead of %s", c.Path, key, helper)
	}
	return check(title, OK, nil, "no other login that a client would use")
}

// isForHost reports whether a key in auths is for the host or, without a host, for any ECR
// registry.
func (x *checkup) isForHost(key string) bool {
	reg, err := registry.Parse(key)
	return err == nil && (reg.Host == x.host || x.host == "")
}

// hostOfKey returns the host name of a key in auths.
func hostOfKey(key string) string {
	if reg, err := registry.Parse(key); err == nil {
		return reg.Host
	}
	return strings.TrimPrefix(key, "https://")
}

// inAuthConfig returns the key of the first login in DOCKER_AUTH_CONFIG that clients use
// instead of this helper, or "" if there is none.
func (x *checkup) inAuthConfig() string {
	for _, key := range dockerconfig.AuthConfigHosts(x.Env) {
		if x.isForHost(key) {
			return key
		}
	}
	return ""
}

// inHelm returns the file of `helm registry login` and its first key for the host. helm
// reads this file before Docker's file. The key is "" if there is none.
func (x *checkup) inHelm() (*dockerconfig.Config, string) {
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
		if x.isForHost(key) {
			return c, key
		}
	}
	return nil, ""
}

// everyRegistry checks the configuration of `configure-docker --all-registries`: Docker
// calls this helper for every registry, and another store serves the non-ECR registries.
// Without this configuration, there is no check.
func (x *checkup) everyRegistry() []Check {
	const title = "registries"
	set, err := settings.LoadFor(x.Env)
	if err != nil || x.dockerFile == nil {
		return nil // these files have their own checks
	}
	again := configureDocker("--all-registries", "")
	switch store := x.dockerFile.CredsStore; {
	case !dockerconfig.IsHelper(store) && set.Fallback == "" && set.Replaced == nil:
		return nil
	case !dockerconfig.IsHelper(store) && store == "":
		return []Check{check(title, Warning, again, "%s has no credsStore, so docker does not call %s for every registry", x.dockerFile.Path, helper)}
	case !dockerconfig.IsHelper(store):
		return []Check{check(title, Warning, again, "%s has the credsStore %q again, so docker calls %s only for the registries that credHelpers names; "+
			"some versions of Docker Desktop set it when they start", x.dockerFile.Path, store, helper)}
	case set.IgnoredFallback:
		return nil // the settings check reports it
	case set.Fallback == "":
		return []Check{check(title, OK, nil, "docker calls %s for all; those that are not ECR use the logins in %s", helper, x.dockerFile.Path)}
	}
	found, err := fallback.Find(x.Env, set.Fallback)
	if err != nil {
		cause, next := splitError(err)
		return []Check{check(title, Problem, next, "%s", cause)}
	}
	return []Check{check(title, OK, nil, "docker calls %s for all; %s serves those that are not ECR", helper, found.Path)}
}
