package doctor

import (
	"context"
	"errors"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/keychain"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// keychain looks whether the keychain answers that the settings want logins to be
// encrypted with. Without it logins are not cached, which costs time and no login.
func (x *examination) keychain(ctx context.Context) []Check {
	const title = "keychain"
	s, err := settings.LoadFor(x.Env)
	if err != nil || s.Cache != settings.CacheKeychain {
		return nil
	}
	k := keychain.New(x.Env, s.Keychain, "")
	switch _, err = k.Look(ctx); {
	case errors.Is(err, keychain.ErrNoKey):
		text := "%s answers and holds no key yet, the first login makes it"
		if k.Program() == "docker-credential-pass" {
			// It answers like this before `pass init` too; only an attempt to keep
			// something tells the two apart.
			text += " (after `pass init`)"
		}
		return []Check{check(title, OK, nil, text, k.Program())}
	case err != nil:
		return []Check{check(title, Warning, []string{k.Program() + " list"}, "%v, so nothing is cached", err)}
	}
	return []Check{check(title, OK, nil, "%s holds the key", k.Program())}
}
