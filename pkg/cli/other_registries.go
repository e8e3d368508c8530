package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/fallback"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// This file handles registries other than ECR, for which Docker calls this helper if it is
// the credsStore. Requests go to the fallback store in the settings. Without a fallback
// store, the helper returns the plain-text logins in Docker's file.

// otherRegistries is the source of logins for registries other than ECR.
type otherRegistries struct {
	set    settings.Settings
	store  *fallback.Store      // nil: no fallback store
	broken bool                 // the settings file cannot be read
	docker *dockerconfig.Config // Docker's file, if this helper is its credsStore and there is no fallback store
	env    env.Set
}

// isOtherRegistry reports whether a server URL belongs to a registry other than ECR, so its
// requests may be forwarded. Names that resemble ECR's names or contain unusual bytes are
// never forwarded.
func isOtherRegistry(server string) bool {
	_, plain := registry.Host(server)
	return plain && !registry.Resembles(server)
}

// ours reports whether a server is an alias of an ECR registry.
func (f otherRegistries) ours(server string) bool {
	_, _, err := f.set.Registry(server)
	return err == nil
}

// newOtherRegistries finds the source of logins for a server ("": for a list). There is no
// source if nothing is configured or if the server is ours.
func newOtherRegistries(e env.Set, server string) (otherRegistries, error) {
	set, err := settings.LoadFor(e)
	if safefile.Unreadable(err) && e.Get(env.SSOConfig) == "" {
		set, err = settings.Load("")
	}
	f := otherRegistries{set: set, env: e, broken: err != nil}
	switch {
	case err != nil && len(hint.Next(err)) > 0:
		return f, err
	case err != nil:
		return f, hint.With(err, hint.DoctorCommand(""))
	case f.ours(server):
		return f, nil
	case set.IgnoredFallback:
		return f, set.Ignored
	case set.Fallback != "":
		store, err := fallback.Find(e, set.Fallback)
		if err == nil {
			f.store = &store
		}
		return f, err
	}
	path := dockerconfig.Path(e, e.HomeDir())
	if path == "" {
		return f, nil
	}
	docker, err := dockerconfig.Load(path)
	if err != nil || !dockerconfig.IsHelper(docker.CredsStore) {
		return f, nil // docker also reads this file and reports its errors
	}
	f.docker = docker
	return f, nil
}

// serveOther handles get, store and erase for a registry other than ECR. done is false if
// the helper must handle the request.
func serveOther(ctx context.Context, verb string, q request, s streams, e env.Set) (code int, done bool) {
	server := q.server(verb)
	if !isOtherRegistry(server) {
		return 0, false
	}
	f, err := newOtherRegistries(e, server)
	switch {
	case err != nil:
		return s.fail(err), true
	case f.store != nil:
		status, err := f.store.Answer(ctx, verb, q.raw, fallback.Streams{Out: s.out, Err: s.err})
		if err != nil {
			return s.fail(err), true
		}
		return status, true
	case f.docker == nil:
		return 0, false
	case verb == credentials.ActionGet:
		return f.plainLogin(server, s)
	case verb == credentials.ActionStore:
		return s.fail(f.refusal(server)), true
	}
	return 0, false
}

// plainLogin answers a get from Docker's file. Docker adds and removes these logins.
func (f otherRegistries) plainLogin(server string, s streams) (code int, done bool) {
	login, ok, err := f.docker.Login(server)
	if err != nil {
		return s.fail(hint.With(err, hint.LogoutCommand("docker", server))), true
	}
	if !ok {
		return 0, false // not found
	}
	var answer bytes.Buffer
	err = json.NewEncoder(&answer).Encode(credentials.Credentials{
		ServerURL: server, Username: login.Username, Secret: login.Password.Reveal(),
	})
	if err == nil {
		err = s.answer(answer.Bytes())
	}
	if err != nil {
		return s.fail(err), true
	}
	return exitOK, true
}

// refusal is the error for a login that this helper does not save.
func (f otherRegistries) refusal(server string) error {
	next := fallback.Commands(f.env, "")
	if len(next) == 0 {
		return hint.With(fmt.Errorf("%q is not an ECR registry, and no other credential store is on PATH to save its login: "+
			"install docker-credential-pass or docker-credential-secretservice", server),
			hint.ConfigureDockerCommand("--all-registries", "--remove"))
	}
	return hint.With(fmt.Errorf("%q is not an ECR registry, and no fallback store is set to save its login", server), next...)
}

// addLogins adds logins of other registries to the response of a list. failed is true if
// the fallback store failed: its response and exit status are then returned.
func (f otherRegistries) addLogins(ctx context.Context, own []byte, s streams) (answer []byte, code int, failed bool) {
	if f.broken {
		return own, 0, false // the helper has printed a warning
	}
	var others map[string]string
	var err error
	switch {
	case f.store != nil:
		list, printed, status, err := f.store.List(ctx, fallback.Streams{In: s.in, Err: s.err})
		switch {
		case err != nil:
			return nil, s.fail(err), true
		case status != 0:
			_, _ = s.out.Write(printed)
			return nil, status, true
		}
		others = list
	case f.docker != nil:
		if others, err = f.docker.Logins(); err != nil {
			return nil, s.fail(hint.With(err, hint.DoctorCommand(""))), true
		}
	default:
		return own, 0, false
	}
	all := map[string]string{}
	if err := json.Unmarshal(own, &all); err != nil {
		return nil, s.fail(errors.New("the list of this helper is not valid")), true
	}
	maps.DeleteFunc(others, func(server, _ string) bool {
		return !isOtherRegistry(server) || f.ours(server) // get does not forward these
	})
	maps.Copy(all, others)
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(all) // a map of strings can always be encoded
	return b.Bytes(), 0, false
}

// explainOther shows which store has the logins of a registry other than ECR. ok is false
// if none does. failed is true if a get would fail.
func explainOther(a app, server string, asJSON bool) (text []byte, failed, ok bool) {
	if !isOtherRegistry(server) {
		return nil, false, false
	}
	f, err := newOtherRegistries(a.env, server)
	x := struct {
		Host    string   `json:"host"`
		Store   string   `json:"store,omitempty"`
		Problem string   `json:"problem,omitempty"`
		Next    []string `json:"next,omitempty"`
	}{Host: server}
	switch {
	case err != nil:
		x.Problem = err.Error()
		if e, ok := errors.AsType[*hint.Error](err); ok {
			x.Problem, x.Next = e.Err.Error(), e.Next
		}
	case f.store == nil && f.docker == nil:
		return nil, false, false
	case f.store != nil:
		x.Store = f.store.Path
	default:
		x.Store = f.docker.Path
		if _, found, err := f.docker.Login(server); err != nil || !found {
			x.Problem = "the store has no login for " + server
		}
	}
	if asJSON {
		text, _ = indented(x)
		return text, err != nil, true
	}
	r := a.lines()
	if x.Store == "" {
		r.line("", "%s is not an ECR registry.", x.Host)
	} else {
		r.line("", "%s is not an ECR registry. %s answers for it.", x.Host, x.Store)
	}
	if x.Problem != "" {
		r.line("", "problem: %s", x.Problem)
		r.next(step, x.Next)
	}
	return r.Bytes(), err != nil, true
}
