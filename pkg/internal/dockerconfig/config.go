// Package dockerconfig reads and edits Docker's config.json and podman's auth.json, which
// has the same format. It finds the file, reads the credential helper names, and changes
// credHelpers and credsStore. It writes podman's drop-in file in registries.conf.d. It also
// reads two other settings for helpers and logins: podman's registries.conf and
// DOCKER_AUTH_CONFIG.
//
// An edit changes only credHelpers or credsStore and preserves every other byte of the
// file. A file that cannot be parsed is rejected and not changed. Only Config.Login returns
// a secret: the plain-text login for another registry in auths. The package is in layer 2
// and may import layers 0 and 1.
package dockerconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

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
