package configure

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// warnings tells what would keep clients from asking us about the hosts, or
// makes the entries look better than they are.
func (in DockerInput) warnings(file *dockerconfig.Config, hosts []string) []Note {
	var notes []Note
	if !onPath(in.Env) {
		notes = append(notes, Note{program + " is not on PATH, where docker looks for it", program + " doctor"})
	}
	for _, key := range authConfigHosts(in.Env) {
		if names(key, hosts) {
			notes = append(notes, Note{fmt.Sprintf("%s holds a login for %s, which newer docker clients use instead",
				env.DockerAuthConfig.Name(), key), "unset " + env.DockerAuthConfig.Name()})
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

// onPath reports whether clients find the helper: an executable file of its name
// in an absolute entry of PATH. They do not take one from a relative entry.
func onPath(e env.Set) bool {
	file := program
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	for _, dir := range filepath.SplitList(e.Get(env.Path)) {
		if !filepath.IsAbs(dir) {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, file))
		if err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode().Perm()&0o111 != 0) {
			return true
		}
	}
	return false
}

// authConfigHosts returns whom DOCKER_AUTH_CONFIG has a login for, sorted. The
// logins themselves are not looked at.
func authConfigHosts(e env.Set) []string {
	var c struct{ Auths map[string]struct{} }
	if json.Unmarshal([]byte(e.Get(env.DockerAuthConfig)), &c) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(c.Auths))
}

// names reports whether a key of auths is about one of the hosts.
func names(key string, hosts []string) bool {
	reg, err := registry.Parse(key)
	return err == nil && slices.Contains(hosts, reg.Host)
}
