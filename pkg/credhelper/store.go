package credhelper

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// user is the only user name that ECR knows.
	user = "AWS"

	// tokenLife is what ECR gives a token, and what one gets whose end cannot be
	// read.
	tokenLife = 12 * time.Hour
)

// Add keeps what `docker login` was given for an ECR registry, until the token's
// own expiry, so that Get answers with it. A token that is held already changes
// nothing. Another user than AWS, other hosts and expired tokens are refused, and
// what cannot be kept is an error: docker would report a login that is then lost.
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

// notStored says why a login could not be kept.
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

// expiry reads the end of an ECR password, which is base64 of a JSON object with
// "expiration" in Unix seconds. AWS documents no such layout, so what cannot be
// read lasts 12 hours from now, and nothing lasts longer.
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

// Delete drops everything held for the registry. Nothing held, or a host that is
// no ECR registry, is no error: docker logout asks twice, and for any host.
func (h *Helper) Delete(serverURL string) error {
	reg, err := registry.Parse(serverURL)
	if err != nil {
		return nil
	}
	b, _ := h.base() // the cache is there even when the settings are broken
	if len(b.skipped) > 0 {
		b.cache = h.cache(b.settings) // to erase, nobody needs the settings
	}
	b.cache.EraseOtherForms()
	if err := b.cache.Erase(reg.Host); err != nil {
		return hint.With(fmt.Errorf("login of %s is not erased: %w", reg.Host, err), hint.DoctorCommand(reg.Host))
	}
	return nil
}
