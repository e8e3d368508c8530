package dockerconfig

import (
	"path/filepath"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// systemContainers is where the containers tools look when a user has no file.
const systemContainers = "/etc/containers"

// RegistriesConf returns the registries.conf, or the file beside it in
// registries.conf.d, that makes podman, buildah and skopeo ask this helper about every
// registry ("credential-helpers"); "" when none does. A user's registries.conf replaces
// the system's, a later file of registries.conf.d the earlier ones
// (containers-registries.conf(5), containers-registries.conf.d(5)). A file that cannot
// be read counts as one that says nothing.
func RegistriesConf(home string) string { return registriesConf(systemContainers, home) }

func registriesConf(system, home string) (path string) {
	user := under(home, ".config", "containers")
	first := filepath.Join(user, "registries.conf")
	if user == "" || credentialHelpers(first) == nil {
		first = filepath.Join(system, "registries.conf")
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
		if helpers := credentialHelpers(file); helpers == nil || len(*helpers) == 0 {
			continue
		} else if slices.ContainsFunc(*helpers, IsHelper) {
			path = file
		} else {
			path = ""
		}
	}
	return path
}

// credentialHelpers returns the key of one file; nil when the file does not exist or
// cannot be read.
func credentialHelpers(path string) *[]string {
	data, err := safefile.Read(path, maxSize)
	if err != nil {
		return nil
	}
	var c struct {
		Helpers []string `toml:"credential-helpers"`
	}
	if toml.Unmarshal(data, &c) != nil {
		return nil
	}
	return &c.Helpers
}
