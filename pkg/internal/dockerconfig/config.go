// Package dockerconfig reads and edits Docker's config.json and podman's auth.json, which
// has the same format. It finds the file, reads the credential helper names, and changes
// credHelpers and credsStore. It writes podman's drop-in file in registries.conf.d. It also
// reads two other settings for helpers and logins: podman's registries.conf and
// DOCKER_AUTH_CONFIG.
//
// An edit changes only credHelpers or credsStore and preserves every other byte of the
// file. A file that cannot be parsed is rejected and not changed. Only Config.Login returns
// a secret: the plain-text login for another registry in auths.
package dockerconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Helper is this program's name in credHelpers and credsStore.
const Helper = hint.Helper

// IsHelper reports whether a value in credHelpers or credsStore names this program. Inside
// WSL, the name of the Windows program ends in .exe.
func IsHelper(name string) bool { return name == Helper || name == Helper+".exe" }

// maxSize limits the file size, in bytes. Docker writes files of a few kilobytes.
const maxSize = 10 << 20

// Config is the part of the file about credentials, without secrets.
type Config struct {
	Path        string
	Exists      bool
	CredHelpers map[string]string // host -> helper name without "docker-credential-"
	CredsStore  string            // helper for all other hosts; "" if not set
	AuthHosts   []string          // auths keys with a plain-text password or token, sorted

	data []byte
}

// Load reads the file. A missing or empty file results in an empty Config. The errors name
// the file. They wrap ErrNotJSON, ErrUnexpected, or an error from package safefile or os.
func Load(path string) (*Config, error) {
	c := &Config{Path: path, CredHelpers: map[string]string{}}
	data, err := safefile.Read(path, maxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, hint.WithoutPath(err))
	}
	if err := safefile.CheckText(path, data); err != nil {
		return nil, err
	}
	c.Exists, c.data = true, data
	if err := c.parse(); err != nil {
		if bytes.HasPrefix(data, bom) {
			return nil, hint.With(fmt.Errorf("%s: %w", path, err), safefile.WithoutMark(path))
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *Config) parse() error {
	if len(bytes.TrimSpace(c.data)) == 0 {
		return nil
	}
	d, err := outline(c.data)
	if err != nil {
		return err
	}
	for _, m := range d.helpers.members {
		c.CredHelpers[m.name] = d.text(m.value)
	}
	var rest struct {
		CredsStore string
		Auths      map[string]struct {
			Auth, Password, IdentityToken, RegistryToken present
		}
	}
	if err := json.Unmarshal(c.data, &rest); err != nil {
		return fmt.Errorf("%w: %w", ErrUnexpected, err)
	}
	c.CredsStore = rest.CredsStore
	for _, host := range slices.Sorted(maps.Keys(rest.Auths)) {
		a := rest.Auths[host]
		if a.Auth || a.Password || a.IdentityToken || a.RegistryToken {
			c.AuthHosts = append(c.AuthHosts, host)
		}
	}
	return nil
}

// present is true for a string that is not empty. It does not store the string.
type present bool

// UnmarshalJSON sets p without decoding the string.
func (p *present) UnmarshalJSON(text []byte) error {
	*p = len(text) > len(`""`) && text[0] == '"'
	return nil
}

// Served returns the keys in credHelpers that name this helper, sorted. hosts are the bare
// host names of ECR registries, and their aliases. strange are the other keys: no client
// calls the helper for them, or they are not ECR registries.
func (c *Config) Served(aliases map[string]string) (hosts, strange []string) {
	for _, key := range slices.Sorted(maps.Keys(c.CredHelpers)) {
		if !IsHelper(c.CredHelpers[key]) {
			continue
		}
		if reg, err := registry.Parse(key); aliases[key] != "" || err == nil && reg.Host == key {
			hosts = append(hosts, key)
		} else {
			strange = append(strange, key)
		}
	}
	return hosts, strange
}

// Leftover describes a login in auths that clients do not use, because the file names this
// helper for its registry. This was tested with docker, crane, skopeo, oras and regctl.
func (c *Config) Leftover(key string) string {
	return fmt.Sprintf("%s has a login for %s in plain text, which is not used: clients call %s", c.Path, key, Helper)
}

// AuthConfigHosts returns the hosts with a login in DOCKER_AUTH_CONFIG, sorted. It does not
// decode the logins. It returns nil if the value is not valid JSON.
func AuthConfigHosts(e env.Set) []string {
	var c struct{ Auths map[string]struct{} }
	if json.Unmarshal([]byte(e.Get(env.DockerAuthConfig)), &c) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(c.Auths))
}

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

// Paths returns the files in which Docker and podman look for this helper, each one once:
// that of Path, then those of PodmanPaths.
func Paths(e env.Set, home string) (paths []string) {
	for _, path := range append([]string{Path(e, home)}, PodmanPaths(e, home, os.Getuid())...) {
		if path != "" && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
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
