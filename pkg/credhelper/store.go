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
	"sync"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/keychain"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// user is the only user name that ECR accepts.
	user = "AWS"

	// loginTTL is how long an ECR login is valid. It is also the assumed life of a
	// password whose expiry cannot be read.
	loginTTL = 12 * time.Hour
)

// Add stores the login that `docker login` passes for an ECR registry, until its expiry.
// Get then returns it. Add does nothing if it already has this password. It refuses other
// users than AWS, other hosts and expired passwords. A login that cannot be stored is an
// error, because docker would otherwise report success and the login would be lost.
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

// notStored returns the error for a login that could not be stored.
func (h *Helper) notStored(host string, s settings.Settings, skipped []error, err error) error {
	next := hint.DoctorCommand(host)
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

// expiry returns the expiry of an ECR password. The password is the base64 of a JSON
// object with "expiration" in Unix seconds. AWS does not document this layout, so if it
// cannot be read, the result is 12 hours from now. The result is never later than that.
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

// Delete erases all logins of the registry. If there are none, or the host is not an ECR
// registry, that is not an error: docker logout calls it twice, and for any host.
func (h *Helper) Delete(serverURL string) error {
	reg, alias, err := h.registry(serverURL)
	if err != nil {
		return nil
	}
	b, _ := h.base() // the cache works even if the settings file is broken
	if len(b.skipped) > 0 {
		b.cache = h.cache(b.settings) // an erase does not need the settings
	}
	b.cache.EraseOtherForms()
	err = b.cache.Erase(reg.Host)
	if alias != "" { // its warm entries
		err = errors.Join(err, b.cache.Erase(alias))
	}
	if err != nil {
		return hint.With(fmt.Errorf("login for %s could not be erased: %w", reg.Host, err), hint.DoctorCommand(reg.Host))
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

// onlyFirst passes on the first warning and drops the others, so that a process warns at most
// once.
func onlyFirst(warn func(error)) func(error) {
	var said sync.Once
	return func(err error) { said.Do(func() { warn(err) }) }
}

const (
	// listTime limits a list, and listAsk its calls to AWS. The difference lets a running
	// refresh save the token that it received (see awscache).
	listTime = 2 * time.Second
	listAsk  = 1200 * time.Millisecond

	// listMost is how many logins a list gets: clients call Get for every name in the list.
	listMost = 20
)

// List returns the registries that a Get has a login for: a map from host to user name. It
// contains the cached logins, and those that it can get quickly. That is necessary because
// some clients list first and use only the listed registries. But docker drops every login
// if one Get of a listed name fails, so List gets each login before it lists it.
//
// It tries at most 20 registries that are not cached: those that Docker's or podman's
// configuration names for this helper, then those of SSO profiles with a usable session.
// It tries them in parallel and lists those that succeed within two seconds. It starts no
// sign-in. The error is always nil. If the files cannot be read, the list is empty and
// WithWarning gets the reason.
func (h *Helper) List() (map[string]string, error) {
	list := map[string]string{} // docker rejects a JSON null
	st, err := h.load()
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
		if _, ok := list[reg.Host]; !ok && len(others) < listMost {
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

// CachedRegistries returns the hosts with a cached login that a Get would return, sorted,
// without network access.
func (h *Helper) CachedRegistries() ([]string, error) {
	st, err := h.load()
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

// Aliases returns the other names of registries in the settings, and what they stand for.
func (h *Helper) Aliases() map[string]string {
	b, err := h.base()
	if err != nil {
		return nil
	}
	return maps.Clone(b.settings.Aliases)
}

// Registries returns the hosts that List considers, sorted, without network access: the
// cached ones, those that Docker's or podman's configuration names for this helper, and
// those of SSO profiles with a usable session.
func (h *Helper) Registries() ([]string, error) {
	st, err := h.load()
	if err != nil {
		return nil, err
	}
	var hosts []string
	for _, entry := range h.cached(st) {
		hosts = append(hosts, entry.Host)
	}
	for _, reg := range h.candidates(st) {
		hosts = append(hosts, reg.Host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}

// cached returns the cached logins that a Get would return now. Logins of another identity
// are not among them.
func (h *Helper) cached(st *state) (entries []tokencache.Entry) {
	for _, entry := range st.cache.List() {
		if entry.Stored || h.hasCached(st, entry.Host) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// hasCached reports whether a Get for host would return a cached login.
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

// candidates returns the registries that a client may need, without duplicates, the most
// likely ones first.
func (h *Helper) candidates(st *state) (all []registry.Registry) {
	add := func(reg registry.Registry, err error) {
		if err == nil && !slices.ContainsFunc(all, func(r registry.Registry) bool { return r.Host == reg.Host }) {
			all = append(all, reg)
		}
	}
	all, _ = h.named(st)
	usable := map[string]bool{} // by the session's cache key
	for _, p := range st.config.Profiles {
		sso, ok, err := st.config.SSO(p.Name)
		if !ok || err != nil || sso.Region == "" {
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

// getAll gets the logins in parallel and returns those that arrive in time. It ignores the
// errors of the others: a Get reports them.
func (h *Helper) getAll(registries []registry.Registry) (got []tokencache.Entry) {
	if len(registries) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(h.ctx, listAsk)
	defer cancel()
	quick := *h
	quick.signIn = nil
	entries := make(chan *tokencache.Entry, len(registries))
	for _, reg := range registries {
		crash.Go(func() {
			entry, _, err := quick.get(ctx, reg)
			if err != nil {
				entries <- nil
				return
			}
			entries <- &entry
		})
	}
	late := time.After(listTime)
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
