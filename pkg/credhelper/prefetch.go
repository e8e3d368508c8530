package credhelper

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// prefetchLimit is the time limit of a Prefetch, prefetchCallLimit that of its AWS
	// calls. The difference leaves time to cache a login that arrives at the end.
	prefetchLimit     = 2 * time.Second
	prefetchCallLimit = 1800 * time.Millisecond

	// prefetchParallel is the number of logins fetched in parallel. AWS throttles an
	// account's portal calls at about that number per second.
	prefetchParallel = 20
)

// ErrUnfinished is the error for a login that Prefetch did not get in time. A later Get may
// succeed.
var ErrUnfinished = errors.New("not finished in time")

// Prefetched is the result of a Prefetch.
type Prefetched struct {
	// User is the name of the signed-in user, if AWS returned it in time.
	User string
	// Registries lists the session's registries in the order of Docker's file.
	Registries []PrefetchedLogin
}

// PrefetchedLogin is the login for a registry, or the error.
type PrefetchedLogin struct {
	Host  string
	Login Login // zero if Err is set
	Err   error // the error of a Get, or ErrUnfinished
}

// Prefetch gets and caches the logins of the registries that use the SSO session of t, so
// that later Gets do not call AWS. These are the registries that Docker's or podman's
// configuration assigns to this helper. If it assigns all registries to this helper, they
// are up to 20 registries of the session's profiles. Prefetch gets the logins in parallel,
// takes two seconds or less, and never starts a sign-in. The error is about t or files;
// errors of single logins are in the result.
func (h *Helper) Prefetch(ctx context.Context, t Target) (Prefetched, error) {
	target, err := h.target("login", t)
	if err != nil {
		return Prefetched{}, err
	}
	session, err := target.session()
	if err != nil {
		return Prefetched{}, err
	}
	st, err := h.load()
	if err != nil {
		return Prefetched{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, prefetchCallLimit)
	defer cancel()
	return h.prefetch(ctx, h.ofSession(st, session)), nil
}

// named returns the registries that Docker's or podman's configuration assigns to this
// helper, without duplicates, and whether it assigns all registries to this helper.
func (h *Helper) named(st *state) (all []registry.Registry, every bool) {
	every = dockerconfig.RegistriesConf(h.env, st.home) != ""
	paths := append([]string{dockerconfig.Path(h.env, st.home)}, dockerconfig.PodmanPaths(h.env, st.home, os.Getuid())...)
	for i, path := range paths {
		if path == "" || slices.Contains(paths[:i], path) {
			continue
		}
		file, err := dockerconfig.Load(path)
		if err != nil {
			continue // the client that reads this file reports the error
		}
		every = every || dockerconfig.IsHelper(file.CredsStore)
		hosts, _ := file.Served(st.settings.Aliases)
		for _, host := range hosts {
			reg, _, err := st.settings.Registry(host)
			if err == nil && !slices.ContainsFunc(all, func(r registry.Registry) bool { return r.Host == reg.Host }) {
				all = append(all, reg)
			}
		}
	}
	return all, every
}

// ofSession returns the registries whose credentials come from the session. It includes
// registries that several profiles match if one of these profiles uses the session.
func (h *Helper) ofSession(st *state, session awsconfig.Session) (found []registry.Registry) {
	file, err := awscache.TokenPath(st.home, session.CacheKey())
	if err != nil {
		return nil
	}
	registries, every := h.named(st)
	if every {
		all := h.candidates(st) // named registries come first
		registries = all[:min(len(registries)+listMax, len(all))]
	}
	for _, reg := range registries {
		choice, _, err := h.choose(st, reg)
		if errors.Is(err, ErrAmbiguous) {
			profiles, _ := st.config.ForAccount(reg.Account)
			if slices.ContainsFunc(profiles, func(s awsconfig.SSO) bool { return s.CacheKey() == session.CacheKey() }) {
				found = append(found, reg)
			}
			continue
		}
		if err != nil {
			continue // reported by a get; there is no session
		}
		if req, err := h.newRequest(st, reg, choice); err == nil && req.tokenFile == file {
			found = append(found, reg)
		}
	}
	return found
}

// prefetch gets the logins in parallel, then the user's name.
func (h *Helper) prefetch(ctx context.Context, registries []registry.Registry) Prefetched {
	type result struct {
		i     int
		login PrefetchedLogin
		req   *request
	}
	quick := *h
	quick.signIn = nil
	next, results, user := make(chan int, len(registries)), make(chan result, len(registries)), make(chan string, 1)
	out := Prefetched{Registries: make([]PrefetchedLogin, len(registries))}
	for i, reg := range registries {
		next <- i
		out.Registries[i] = PrefetchedLogin{Host: reg.Host, Err: ErrUnfinished}
	}
	close(next)
	for range min(prefetchParallel, len(registries)) {
		crash.Go(func() {
			for i := range next {
				login, req := quick.prefetchOne(ctx, registries[i])
				results <- result{i, login, req}
			}
		})
	}
	asked := false
	late := time.After(prefetchLimit)
	for waiting := len(registries); waiting > 0; waiting-- {
		select {
		case r := <-results:
			out.Registries[r.i] = r.login
			if !asked && r.req.calledAWS() {
				asked, waiting = true, waiting+1
				crash.Go(func() { user <- r.req.user(ctx) })
			}
		case out.User = <-user:
		case <-late:
			return out
		}
	}
	return out
}

// prefetchOne gets one login. The request is nil for a stored login and if there is no
// login.
func (h *Helper) prefetchOne(ctx context.Context, reg registry.Registry) (PrefetchedLogin, *request) {
	out := PrefetchedLogin{Host: reg.Host, Err: ErrUnfinished}
	if ctx.Err() != nil {
		return out, nil
	}
	entry, req, err := h.get(ctx, reg)
	switch {
	case err == nil:
		out.Login, out.Err = newLogin(entry, req), nil
	case ctx.Err() == nil:
		out.Err = err
	}
	return out, req
}

// calledAWS reports whether the get called AWS.
func (r *request) calledAWS() bool { return r != nil && r.client != nil }

// user returns the name of the SSO user whose role credentials the get used. It returns ""
// if they are not SSO role credentials or AWS does not respond in time.
func (r *request) user(ctx context.Context) string {
	if r.choice.Kind != profile.SSO {
		return ""
	}
	keys, ok := r.cachedRole()
	if !ok {
		return ""
	}
	name, err := r.client.SSOUser(ctx, r.reg.Region, keys)
	if err != nil {
		r.h.log.Debug("user not known", "error", err)
	}
	return name
}
