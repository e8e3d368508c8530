package credhelper

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// user is the only user name that ECR accepts.
	user = "AWS"

	// loginTTL is the lifetime of an ECR login. It is also the assumed lifetime of a
	// password whose expiry cannot be parsed.
	loginTTL = 12 * time.Hour
)

// Add saves an ECR login from `docker login` until it expires. Get then returns it. Add
// does nothing if it already has this password. It rejects user names other than AWS, other
// hosts and expired passwords. If it cannot save a login, it returns an error, because
// docker would otherwise report success and the login would be lost.
func (h *Helper) Add(c *credentials.Credentials) error {
	reg, _, err := h.registry(c.ServerURL)
	if err != nil {
		return hint.With(&cause{
			fmt.Sprintf("%q is not an ECR registry, so its login is not stored (list only ECR hosts under credHelpers)", c.ServerURL),
			[]error{ErrNotStorable}}, hint.DoctorCommand(""))
	}
	if c.Username != user {
		return hint.With(&cause{
			fmt.Sprintf("login for %s is not stored: its user is %q, but ECR logins have the user AWS", reg.Host, c.Username),
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

// notStored returns the error for a login that could not be saved.
func (h *Helper) notStored(host string, s settings.Settings, skipped []error, err error) error {
	next := hint.DoctorCommand(host)
	if command, cause := safefile.WriteFix(h.env.CacheDir(), err); command != "" {
		err, next = cause, command
	}
	if errors.Is(err, tokencache.ErrNoEntries) {
		_, dirErr := h.env.FindCacheDir()
		none, noDir := errors.AsType[*env.NoDirError](dirErr)
		switch {
		case len(skipped) > 0:
			err, next = skipped[0], hint.Next(fileError(skipped[0]))[0]
		case noDir:
			err, next = none, none.Command
		case s.Path != "":
			err, next = fmt.Errorf("cache = %q in %s", s.Cache, s.Path), hint.EditCommand(s.Path, "", 0)
		}
	}
	return hint.With(&cause{fmt.Sprintf("login for %s is not stored: %v", host, err), []error{err}}, next)
}

// expiry returns the expiry of an ECR password, which is base64-encoded JSON with
// "expiration" in Unix seconds. AWS does not document this format, so expiry returns 12
// hours from now if it cannot parse the password, and never a later time.
func expiry(password string, now time.Time) time.Time {
	limit := now.Add(loginTTL)
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

// Delete erases all logins of the registry. It is not an error if there are none or if the
// host is not an ECR registry: docker logout calls it twice, and for any host.
func (h *Helper) Delete(serverURL string) error {
	reg, alias, err := h.registry(serverURL)
	if err != nil {
		return nil
	}
	b, _ := h.base() // the cache works even if the settings file is broken
	if len(b.skipped) > 0 {
		b.cache = h.cache(b.settings) // erase does not need the settings
	}
	b.cache.EraseOtherForms()
	err = b.cache.Erase(reg.Host)
	if alias != "" { // the alias's warm entries
		err = errors.Join(err, b.cache.Erase(alias))
	}
	if err != nil {
		return hint.With(fmt.Errorf("login for %s could not be erased: %w", reg.Host, err), hint.DoctorCommand(reg.Host))
	}
	return nil
}

const (
	// listLimit is the time limit of a list, listCallLimit that of its AWS calls. The
	// difference leaves time for a refresh to save the token that it received (see
	// awscache).
	listLimit     = 2 * time.Second
	listCallLimit = 1200 * time.Millisecond

	// listMax is the maximum number of logins that a list fetches. Clients call Get for
	// every name in the list.
	listMax = 20
)

// List returns the registries for which Get has a login, as a map from host to user name.
// It includes cached logins and logins that it can get quickly, because some clients call
// list first and use only the listed registries. docker discards all logins if one Get for
// a listed name fails, so List gets each login before listing it.
//
// It tries up to 20 registries without a cached login: those that Docker's or podman's
// configuration assigns to this helper, then those of SSO profiles with a usable session.
// It tries them in parallel and lists the ones that succeed within two seconds. It never
// starts a sign-in. The error is always nil. If files cannot be read, the list is empty and
// the WithWarning function gets the reason.
func (h *Helper) List() (map[string]string, error) {
	list := map[string]string{} // docker rejects a JSON null
	st, err := h.state()
	if err != nil {
		h.warn(err)
		return list, nil
	}
	if st.settings.Ignored != nil {
		h.warn(st.settings.Ignored)
	}
	st.cache.EraseOtherForms()
	for _, entry := range h.cached(st) {
		list[entry.Host] = entry.Username
	}
	var others []registry.Registry
	for _, reg := range h.candidates(st) {
		if _, ok := list[reg.Host]; !ok && len(others) < listMax {
			others = append(others, reg)
		}
	}
	for _, entry := range h.getAll(others) {
		list[entry.Host] = entry.Username
	}
	for alias, host := range st.settings.Aliases {
		if user, ok := list[host]; ok {
			list[alias] = user
		}
	}
	return list, nil
}

// CachedRegistries returns the sorted hosts with a cached login that Get would return. It
// does not use the network.
func (h *Helper) CachedRegistries() ([]string, error) {
	st, err := h.state()
	if err != nil {
		return nil, err
	}
	var hosts []string
	for _, entry := range h.cached(st) {
		hosts = append(hosts, entry.Host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// Aliases returns the aliases in the settings and their registries.
func (h *Helper) Aliases() map[string]string {
	b, err := h.base()
	if err != nil {
		return nil
	}
	return maps.Clone(b.settings.Aliases)
}

// Registries returns the sorted hosts that List considers: hosts with a cached login, those
// that Docker's or podman's configuration assigns to this helper, and those of SSO profiles
// with a usable session. It does not use the network.
func (h *Helper) Registries() ([]string, error) {
	hosts, err := h.CachedRegistries()
	if err != nil {
		return nil, err
	}
	st, err := h.state()
	if err != nil {
		return nil, err
	}
	for _, reg := range h.candidates(st) {
		hosts = append(hosts, reg.Host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// cached returns the cached logins that Get would return now. It omits logins of other
// identities.
func (h *Helper) cached(st *state) (entries []tokencache.Entry) {
	for _, entry := range st.cache.List() {
		if entry.Stored || h.hasCached(st, entry.Host) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// hasCached reports whether Get would return a cached login for host.
func (h *Helper) hasCached(st *state, host string) bool {
	reg, err := registry.Parse(host)
	if err != nil {
		return false
	}
	choice, _, err := h.choose(st, reg)
	if err != nil || choice.Ambient {
		return false
	}
	req, err := h.newRequest(st, reg, choice)
	if err != nil {
		return false
	}
	_, ok := st.cache.Get(req.key)
	return ok
}

// candidates returns the registries that a client may need, without duplicates, most likely
// first.
func (h *Helper) candidates(st *state) (all []registry.Registry) {
	add := func(reg registry.Registry, err error) {
		if err == nil && !slices.ContainsFunc(all, func(r registry.Registry) bool { return r.Host == reg.Host }) {
			all = append(all, reg)
		}
	}
	all, _ = h.dockerRegistries(st)
	usable := map[string]bool{} // by the session's cache key
	profiles, _ := st.config.SSOProfiles()
	for _, sso := range profiles {
		if sso.Region == "" {
			continue
		}
		live, known := usable[sso.CacheKey()]
		if !known {
			live = h.sessionStatus(st, sso).Usable()
			usable[sso.CacheKey()] = live
		}
		if live {
			add(registry.ForAccount(sso.Account, sso.Region))
		}
	}
	return all
}

// getAll gets the logins in parallel and returns those that arrive in time. It ignores
// errors; Get reports them.
func (h *Helper) getAll(registries []registry.Registry) (got []tokencache.Entry) {
	if len(registries) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(h.ctx, listCallLimit)
	defer cancel()
	quick := *h
	quick.signIn = nil
	entries := make(chan *tokencache.Entry, len(registries))
	for _, reg := range registries {
		crash.Go(func() {
			entry, _, err := quick.get(ctx, reg, reg.Host)
			if err != nil {
				entries <- nil
				return
			}
			entries <- &entry
		})
	}
	late := time.After(listLimit)
	for range registries {
		select {
		case entry := <-entries:
			if entry != nil {
				got = append(got, *entry)
			}
		case <-late:
			return got
		}
	}
	return got
}
