package dockerconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// Path returns the file that the Docker CLI reads: config.json in the directory
// DOCKER_CONFIG, otherwise in .docker in the home directory. It returns "" if neither
// directory is known.
func Path(e env.Set, home string) string {
	if dir := e.Get(env.DockerConfig); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	return under(home, ".docker", "config.json")
}

// PodmanPath returns the file of podman, buildah and skopeo that survives a reboot:
// REGISTRY_AUTH_FILE, otherwise config.json in DOCKER_CONFIG, otherwise containers/auth.json
// in the user's configuration directory. It returns "" if none is known.
func PodmanPath(e env.Set, home string) string {
	if file := podmanOnly(e); file != "" {
		return file
	}
	return podmanUser(e, home)
}

// PodmanPaths returns the files that podman, buildah and skopeo read, in their order. The
// first file with a login for a registry wins (containers-auth.json(5)), so an entry in
// an earlier file takes precedence over ours. uid is the user ID. The files may not exist.
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
	if env.GOOS == "linux" {
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

// podmanOnly returns the file that the environment names. podman, buildah and skopeo then
// read no other file.
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

// CheckPlace returns an error with a fix command if Docker does not use DOCKER_CONFIG as a
// directory: the value begins with a ~, which Docker does not expand, or names a file.
func CheckPlace(e env.Set) error {
	dir, name := e.Get(env.DockerConfig), env.DockerConfig.Name()
	if rest, ok := strings.CutPrefix(dir, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		fix := hint.SetHomeCommand(name, rest)
		return hint.With(fmt.Errorf("%s is %q, but Docker does not expand the ~", name, dir), fix)
	}
	info, err := os.Stat(dir)
	if dir == "" || err != nil || info.IsDir() {
		return nil
	}
	fix := hint.UnsetCommand(name)
	if filepath.Base(dir) == "config.json" {
		fix = hint.SetCommand(name, filepath.Dir(dir))
	}
	return hint.With(fmt.Errorf("%s names the file %s, but Docker expects a directory", name, dir), fix)
}

// systemContainers is the directory of the system's registries.conf.
const systemContainers = "/etc/containers"

// RegistriesConf returns the configuration file whose "credential-helpers" make podman,
// buildah and skopeo call this helper for all registries: registries.conf or a file in
// registries.conf.d. It returns "" if there is none. The user's registries.conf replaces
// the system's file, and a later file in registries.conf.d replaces the earlier files
// (containers-registries.conf(5), containers-registries.conf.d(5)). The file in
// CONTAINERS_REGISTRIES_CONF replaces both (podman(1), buildah(1); skopeo does not read the
// variable). An unreadable file is ignored.
func RegistriesConf(e env.Set, home string) string { return registriesConf(e, systemContainers, home) }

func registriesConf(e env.Set, system, home string) string {
	helpers, path := effectiveHelpers(e, system, home)
	if !slices.ContainsFunc(helpers, IsHelper) {
		return ""
	}
	return path
}

// effectiveHelpers returns the "credential-helpers" that podman uses, and the file that
// sets them.
func effectiveHelpers(e env.Set, system, home string) (helpers []string, path string) {
	user := under(home, ".config", "containers")
	first := filepath.Join(system, "registries.conf")
	if user != "" {
		mine := filepath.Join(user, "registries.conf")
		if _, ok := credentialHelpers(mine); ok {
			first = mine
		}
	}
	if named := e.Get(env.RegistriesConf); named != "" {
		first = named
	}
	files := []string{first}
	for _, dir := range []string{system, user} {
		if dir == "" {
			continue
		}
		more, _ := filepath.Glob(filepath.Join(dir, "registries.conf.d", "*.conf"))
		files = append(files, more...)
	}
	for _, file := range files {
		if set, ok := credentialHelpers(file); ok && len(set) > 0 {
			helpers, path = set, file
		}
	}
	return helpers, path
}

// credentialHelpers returns the value in one file. ok is false if the file cannot be read,
// is not TOML, or has a value under this key that is not a list of strings.
func credentialHelpers(path string) (helpers []string, ok bool) {
	data, err := safefile.Read(path, maxSize)
	if err != nil {
		return nil, false
	}
	var p unstable.Parser
	p.Reset(data)
	for table := false; p.NextExpression(); {
		e := p.Expression()
		table = table || e.Kind != unstable.KeyValue // keys after a table header are not top-level keys
		if table || !isKey(e.Key(), "credential-helpers") {
			continue
		}
		if helpers, ok = listOfStrings(e.Value()); !ok {
			return nil, false
		}
	}
	return helpers, p.Error() == nil
}

// isKey reports whether a key is this single name, in any case. Podman also ignores case.
func isKey(key unstable.Iterator, name string) bool {
	return key.Next() && strings.EqualFold(string(key.Node().Data), name) && key.IsLast()
}

func listOfStrings(value *unstable.Node) (list []string, ok bool) {
	if value.Kind != unstable.Array {
		return nil, false
	}
	for items := value.Children(); items.Next(); {
		if items.Node().Kind != unstable.String {
			return nil, false
		}
		list = append(list, string(items.Node().Data))
	}
	return list, true
}
