package dockerconfig

import (
	"maps"
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Helper is this program's name in credHelpers and credsStore.
const Helper = "ecr-sso"

// IsHelper reports whether a value of credHelpers or credsStore names this program;
// inside WSL the Windows one has another name.
func IsHelper(name string) bool { return name == Helper || name == Helper+".exe" }

// Served lists the hosts that the file sends to this helper, sorted: ECR registries by
// their bare host names, and keys that are not, or that no client would look up.
func (c *Config) Served() (hosts, strange []string) {
	for _, key := range slices.Sorted(maps.Keys(c.CredHelpers)) {
		if !IsHelper(c.CredHelpers[key]) {
			continue
		}
		if reg, err := registry.Parse(key); err == nil && reg.Host == key {
			hosts = append(hosts, key)
		} else {
			strange = append(strange, key)
		}
	}
	return hosts, strange
}
