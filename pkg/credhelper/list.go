package credhelper

import (
	"context"
	"os"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// listTime limits a list, and listAsk its calls to AWS. The difference lets a running
	// refresh save the token that it received (see ssotoken).
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
	for _, entry := range h.gather(others) {
		list[entry.Host] = entry.Username
	}
	return list, nil
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
		if entry.Stored || h.kept(st, entry.Host) {
			entries = append(entries, entry)
		}
	}
	return entries
}

// kept reports whether a Get for host would return a cached login.
func (h *Helper) kept(st *state, host string) bool {
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
	paths := append([]string{dockerconfig.Path(h.env, st.home)}, dockerconfig.PodmanPaths(h.env, st.home, os.Getuid())...)
	for i, path := range paths {
		if path == "" || slices.Contains(paths[:i], path) {
			continue
		}
		file, err := dockerconfig.Load(path)
		if err != nil {
			continue // the client that reads this file reports the error
		}
		hosts, _ := file.Served()
		for _, host := range hosts {
			add(registry.Parse(host))
		}
	}
	usable := map[string]bool{} // by the session's cache key
	for _, p := range st.config.Profiles {
		s, ok, err := st.config.SSO(p.Name)
		if !ok || err != nil || s.Region == "" {
			continue
		}
		live, known := usable[s.CacheKey()]
		if !known {
			live = h.sessionStatus(st, s).Usable()
			usable[s.CacheKey()] = live
		}
		if live {
			add(registry.ForAccount(s.Account, s.Region))
		}
	}
	return all
}

// gather gets the logins in parallel and returns those that arrive in time. It ignores the
// errors of the others: a Get reports them.
func (h *Helper) gather(registries []registry.Registry) (got []tokencache.Entry) {
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
