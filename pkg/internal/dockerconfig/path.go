package dockerconfig

import (
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// Path returns the file that the docker CLI reads: config.json in
// $DOCKER_CONFIG, which names a directory, else in home's .docker. It returns
// "" when neither is known.
func Path(e env.Set, home string) string {
	if dir := e.Get(env.DockerConfig); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	return under(home, ".docker", "config.json")
}

// PodmanPath returns the file that podman, buildah and skopeo read and in which
// an entry outlives a reboot: $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json,
// else containers/auth.json in the user's configuration directory. It returns
// "" when none is known.
func PodmanPath(e env.Set, home string) string {
	if file := podmanOnly(e); file != "" {
		return file
	}
	return podmanUser(e, home)
}

// PodmanPaths returns the files that podman, buildah and skopeo look into, the
// first answer counts (containers-auth.json(5)). An entry in an earlier file
// hides ours, so doctor looks into all of them. uid is the user's number; the
// files need not exist.
func PodmanPaths(e env.Set, home string, uid int) []string {
	if file := podmanOnly(e); file != "" {
		return []string{file}
	}
	var paths []string
	add := func(path string) {
		if path != "" {
			paths = append(paths, path)
		}
	}
	if runtime.GOOS == "linux" {
		run := e.Get(env.XDGRuntimeDir)
		if run == "" {
			run = filepath.Join("/run/containers", strconv.Itoa(uid))
		} else {
			run = filepath.Join(run, "containers")
		}
		add(filepath.Join(run, "auth.json"))
	}
	add(podmanUser(e, home))
	add(under(home, ".docker", "config.json"))
	return paths
}

// podmanOnly returns the file that, when named by the environment, is the only
// one those tools read.
func podmanOnly(e env.Set) string {
	if file := e.Get(env.RegistryAuthFile); file != "" {
		return file
	}
	if dir := e.Get(env.DockerConfig); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	return ""
}

func podmanUser(e env.Set, home string) string {
	if dir := e.Get(env.XDGConfigHome); filepath.IsAbs(dir) {
		return filepath.Join(dir, "containers", "auth.json")
	}
	return under(home, ".config", "containers", "auth.json")
}

func under(home string, rest ...string) string {
	if home == "" {
		return ""
	}
	return filepath.Join(append([]string{home}, rest...)...)
}
