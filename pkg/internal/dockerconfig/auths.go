package dockerconfig

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Login is a plain-text login in auths.
type Login struct {
	Username string // "<token>" for an identity token, as in the helper protocol
	Password secret.Secret
}

// identityToken is the user name that marks an identity token.
// https://github.com/docker/docker-credential-helpers#development
const identityToken = "<token>"

var errAuth = errors.New("not the base64 of USER:PASSWORD")

// Login returns the login for a server in auths. Like Docker, it looks for the same key, or
// for a key with this host name. ok is false if there is no login.
func (c *Config) Login(server string) (login Login, ok bool, err error) {
	logins, err := c.logins()
	if err != nil {
		return Login{}, false, err
	}
	entry, ok := logins[server]
	plain := hostname(server)
	for _, key := range slices.Sorted(maps.Keys(logins)) { // sorted: each get must return the same login
		if !ok && (hostname(key) == server || hostname(key) == plain && isWhole(server)) {
			entry = logins[key]
			ok = !entry.empty()
		}
	}
	if !ok || entry.empty() {
		return Login{}, false, nil
	}
	login, err = entry.login()
	if err != nil {
		return Login{}, false, fmt.Errorf("%s: the login for %q is %w", c.Path, server, err)
	}
	return login, true, nil
}

// Logins returns the user name of each login in auths, by key.
func (c *Config) Logins() (map[string]string, error) {
	logins, err := c.logins()
	if err != nil {
		return nil, err
	}
	users := map[string]string{}
	for key, entry := range logins {
		if login, err := entry.login(); err == nil && !entry.empty() {
			users[key] = login.Username
		}
	}
	return users, nil
}

// plainLogin is an entry in auths.
type plainLogin struct {
	Auth, Username, Password, IdentityToken string
}

func (c *Config) logins() (map[string]plainLogin, error) {
	var file struct{ Auths map[string]plainLogin }
	if len(c.data) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(c.data, &file); err != nil {
		return nil, fmt.Errorf("%s: %w: auths", c.Path, ErrUnexpected) // the cause may quote a secret
	}
	return file.Auths, nil
}

func (p plainLogin) empty() bool {
	return p.Auth == "" && p.IdentityToken == "" && (p.Username == "" || p.Password == "")
}

// login decodes the entry like Docker: auth takes precedence over the user name and
// password keys, and an identity token takes precedence over both.
func (p plainLogin) login() (Login, error) {
	user, password := p.Username, p.Password
	if p.Auth != "" {
		text, err := base64.StdEncoding.DecodeString(p.Auth)
		var ok bool
		user, password, ok = strings.Cut(string(text), ":")
		if err != nil || !ok || user == "" {
			return Login{}, errAuth
		}
		password = strings.Trim(password, "\x00")
	}
	if p.IdentityToken != "" {
		return Login{identityToken, secret.New(p.IdentityToken)}, nil
	}
	return Login{user, secret.New(password)}, nil
}

// hostname removes the scheme and the path from a key. Docker does the same for keys from
// old versions.
func hostname(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	return host
}

// isWhole reports whether a server has a host but no path. regctl passes such servers.
func isWhole(server string) bool {
	server = strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")
	return !strings.Contains(strings.TrimSuffix(server, "/"), "/")
}
