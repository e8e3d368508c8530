package credhelper

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/keychain"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// cache opens the token cache in the form that the settings select. It deletes nothing:
// status and explain call it too.
func (h *Helper) cache(s settings.Settings) *tokencache.Cache {
	cache := tokencache.Open(h.env.CacheDir(), h.now).Reporting(h.notCached)
	switch s.Cache {
	case settings.CacheNone:
		return cache.WithoutEntries() // the locks are needed: a refresh token can be used only once
	case settings.CacheKeychain:
		kept := keychain.New(h.env, s.Keychain, cache.LockPath("keychain", "key"))
		return cache.Encrypted(func() (secret.Secret, error) { return kept.Key(h.ctx) })
	}
	return cache
}

// notCached tells why a login is not cached. Who interrupts a call knows why.
func (h *Helper) notCached(err error) {
	h.log.Debug("not cached", "error", err)
	if !errors.Is(err, context.Canceled) {
		h.warn(hint.With(fmt.Errorf("logins are not cached: %w", err), hint.DoctorCommand("")))
	}
}

// once passes the first warning on and drops the others: a process has one thing to
// say, whatever else is wrong.
func once(warn func(error)) func(error) {
	var said sync.Once
	return func(err error) { said.Do(func() { warn(err) }) }
}
