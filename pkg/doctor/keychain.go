package doctor

import (
	"context"
	"errors"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/keychain"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/settings"
)

// keychain looks whether the keychain answers that the settings want logins to be
// encrypted with. Without it logins are not cached, which costs time and no login.
func (x *examination) keychain(ctx context.Context) []Check {
	const title = "keychain"
	s, err := settings.Load(settings.Path(x.Env))
	if err != nil || s.Cache != settings.CacheKeychain {
		return nil
	}
	k := keychain.New(x.Env, s.Keychain, "")
	switch _, err = k.Look(ctx); {
	case errors.Is(err, keychain.ErrNoKey):
		return []Check{check(title, OK, nil, "%s answers, the first login makes the key", k.Program())}
	case err != nil:
		return []Check{check(title, Warning, []string{k.Program() + " list"}, "%v, so nothing is cached", err)}
	}
	return []Check{check(title, OK, nil, "%s holds the key", k.Program())}
}
