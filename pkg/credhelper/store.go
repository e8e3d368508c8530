package credhelper

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/keychain"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// user is the only user name that ECR accepts.
	user = "AWS"

	// tokenLife is how long an ECR login is valid. It is also the assumed life of a
	// password whose expiry cannot be read.
	tokenLife = 12 * time.Hour
)

// Add stores the login that `docker login` passes for an ECR registry, until its expiry.
// Get then returns it. Add does nothing if it already has this password. It refuses other
// users than AWS, other hosts and expired passwords. A login that cannot be stored is an
// error, because docker would otherwise report success and the login would be lost.
func (h *Helper) Add(c *credentials.Credentials) error {
	reg, err := registry.Parse(c.ServerURL)
	if err != nil {
		return hint.With(&cause{
			fmt.Sprintf("%q is not an ECR registry, not stored (list ECR hosts under credHelpers)", c.ServerURL),
			[]error{ErrNotStorable}}, hint.DoctorCommand(""))
	}
	if c.Username != user {
		return hint.With(&cause{
			fmt.Sprintf("user %q is not stored for %s: ECR logins have the user AWS", c.Username, reg.Host),
			[]error{ErrNotStorable}}, hint.DoctorCommand(reg.Host))
	}
	b, err := h.base()
	if err != nil {
		return err
	}
	now := h.now()
	entry := tokencache.Entry{
		Host: reg.Host, Username: user, Password: secret.New(c.Secret),
		IssuedAt: now, ExpiresAt: expiry(c.Secret, now), Stored: true,
	}
	if !entry.ExpiresAt.After(now) {
		text := fmt.Sprintf("login for %s is not stored: it expired %s", reg.Host, hint.Ago(now.Sub(entry.ExpiresAt)))
		return hint.With(&cause{text, []error{ErrNotStorable}}, hint.DoctorCommand(reg.Host))
	}
	b.cache.EraseOtherForms()
	if b.cache.Holds(reg.Host, entry.Password) {
		return nil
	}
	if err := b.cache.Store(entry); err != nil {
		return h.notStored(reg.Host, b.settings, b.skipped, err)
	}
	return nil
}

// notStored returns the error for a login that could not be stored.
func (h *Helper) notStored(host string, s settings.Settings, skipped []error, err error) error {
	next := hint.DoctorCommand(host)
	if errors.Is(err, tokencache.ErrNoEntries) {
		_, dirErr := h.env.FindCacheDir()
		none, noDir := errors.AsType[*env.NoDirError](dirErr)
		switch {
		case len(skipped) > 0:
			err, next = skipped[0], hint.Next(adviseFiles(skipped[0]))[0]
		case noDir:
			err, next = dirErr, none.Command
		case s.Path != "":
			err, next = fmt.Errorf("cache = %q in %s", s.Cache, s.Path), "${EDITOR:-vi} "+hint.Arg(s.Path)
		}
	}
	return hint.With(&cause{fmt.Sprintf("login for %s is not stored: %v", host, err), []error{err}}, next)
}

// expiry returns the expiry of an ECR password. The password is the base64 of a JSON
// object with "expiration" in Unix seconds. AWS does not document this layout, so if it
// cannot be read, the result is 12 hours from now. The result is never later than that.
func expiry(password string, now time.Time) time.Time {
	limit := now.Add(tokenLife)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(password))
	if err != nil {
		return limit
	}
	var payload struct {
		Expiration int64 `json:"expiration"`
	}
	if json.Unmarshal(raw, &payload) != nil || payload.Expiration <= 0 {
		return limit
	}
	if end := time.Unix(payload.Expiration, 0).UTC(); end.Before(limit) {
		return end
	}
	return limit
}

// Delete erases all logins of the registry. If there are none, or the host is not an ECR
// registry, that is not an error: docker logout calls it twice, and for any host.
func (h *Helper) Delete(serverURL string) error {
	reg, err := registry.Parse(serverURL)
	if err != nil {
		return nil
	}
	b, _ := h.base() // the cache works even if the settings file is broken
	if len(b.skipped) > 0 {
		b.cache = h.cache(b.settings) // an erase does not need the settings
	}
	b.cache.EraseOtherForms()
	if err := b.cache.Erase(reg.Host); err != nil {
		return hint.With(fmt.Errorf("login of %s is not erased: %w", reg.Host, err), hint.DoctorCommand(reg.Host))
	}
	return nil
}

// cache opens the login cache in the form that the settings select. It deletes nothing,
// because status and explain call it too.
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

// notCached warns that a login is not cached, and why. It is silent after an interrupt,
// because the user knows the reason.
func (h *Helper) notCached(err error) {
	h.log.Debug("not cached", "error", err)
	if !errors.Is(err, context.Canceled) {
		h.warn(hint.With(fmt.Errorf("logins are not cached: %w", err), hint.DoctorCommand("")))
	}
}

// once passes on the first warning and drops the others, so that a process warns at most
// once.
func once(warn func(error)) func(error) {
	var said sync.Once
	return func(err error) { said.Do(func() { warn(err) }) }
}

// look records the state of files before they are read. A warm entry later compares the
// files with this state. The comparison is reliable only if the state was recorded before
// the read and the files had not changed for a while. Otherwise this get writes no warm
// entry.
func (h *Helper) look(s *looks, paths ...string) {
	for _, path := range paths {
		if s.unsure {
			return
		}
		file, ok := warmfile.LookSettled(path, h.now().UnixNano())
		s.files, s.unsure = append(s.files, file), !ok
	}
}

// looks is the recorded state of the files that decide the result of a get.
type looks struct {
	files  []warmfile.File
	unsure bool
}

// remember writes the warm entry for a login, and returns the login.
func (h *Helper) remember(st *state, from looks, entry tokencache.Entry) tokencache.Entry {
	if from.unsure {
		return entry
	}
	environment, dir, ok := warmfile.Environment(h.env.Named)
	if !ok || filepath.Clean(dir) != filepath.Clean(h.env.CacheDir()) {
		return entry
	}
	if err := st.cache.Remember(entry, environment, from.files); err != nil {
		h.log.Debug("not warm", "registry", entry.Host, "error", err)
	}
	return entry
}
