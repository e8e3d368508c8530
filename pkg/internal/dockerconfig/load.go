package dockerconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// maxSize bounds what is read; Docker's own files have a few kilobytes.
const maxSize = 10 << 20

// Config is what the file says about credentials. It never holds a secret.
type Config struct {
	Path        string
	Exists      bool
	CredHelpers map[string]string // host -> name of a helper, without "docker-credential-"
	CredsStore  string            // helper for every other host, "" without one
	AuthHosts   []string          // auths keys that hold a password or token in plain text, sorted

	data []byte
}

// Load reads the file. A file that is not there, or empty, is an empty Config.
// Errors name the file; errors.Is knows ErrNotJSON and ErrUnexpected, and those
// of package safefile and os.
func Load(path string) (*Config, error) {
	c := &Config{Path: path, CredHelpers: map[string]string{}}
	data, err := safefile.Read(path, maxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, bare(err))
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

// present is true for a text that is not empty; the text itself is not kept.
type present bool

// UnmarshalJSON looks only whether there is something.
func (p *present) UnmarshalJSON(text []byte) error {
	*p = len(text) > len(`""`) && text[0] == '"'
	return nil
}

// bare drops the path that the os package put before the cause.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
