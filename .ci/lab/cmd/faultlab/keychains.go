//go:build linux

package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// keychains: F-key-1: cache = "keychain", and the keychain does not work. The helper
// returns the login with one warning and does not cache it. It never saves the login in
// plain text instead.
func keychains() []fault {
	row := func(id, what, script string) fault {
		return fault{id: "keychain-" + id, family: "F-key-1", what: "the keychain " + what, ours: true, from: signedOut, want: warning("keychain|docker-credential-fake"),
			limit: network, slow: true, quick: id != "hangs", set: func(s *stage) {
				s.SignIn()
				s.settings("cache = \"keychain\"\nkeychain = \"fake\"\n")
				if script != "" {
					s.script("docker-credential-fake", script+"\n")
				}
				s.env("PATH=" + s.dir + ":/usr/bin:/bin")
			}, after: nothingSaved}
	}
	none := "echo 'credentials not found in native keychain'; exit 1"
	works := row("works", "works", `case $1 in get) cat "$0.drawer" 2>/dev/null || { `+none+`; } ;; store) cat >"$0.drawer" ;; esac`)
	works.want = is(answered)
	return []fault{
		works,
		row("missing", "has no program", ""),
		row("fails", "ends with status 1", "echo 'exit status 1: no such secret collection'; exit 1"),
		row("hangs", "hangs, as if it waited for a user", "exec sleep 1000"),
		row("no-signals", "hangs, ignores signals and has children", "trap '' TERM INT HUP\nsleep 100 &\nwhile :; do sleep 1; done"),
		row("garbage", "prints garbage", "echo '\x00\xffnonsense'"),
		row("empty", "prints nothing", "exit 0"),
		row("flood", "prints without end", "exec cat /dev/zero"),
		row("short-key", "has a key that is too short", `echo '{"ServerURL":"x","Username":"y","Secret":"c2hvcnQ="}'`),
		row("foreign", "has an entry of another program", `echo '{"ServerURL":"x","Username":"y","Secret":"my password"}'`),
		row("store-fails", "cannot save a key", "case $1 in get) "+none+" ;; store) cat >/dev/null; echo 'exit status 2'; exit 1 ;; esac"),
		row("forgets", "accepts a key and does not save it", "case $1 in get) "+none+" ;; store) cat >/dev/null ;; esac"),
		row("escape", "prints an error with escape sequences", `printf 'locked \033[2J\033]0;x\007\n'; exit 1`),
	}
}

// nothingSaved checks that no file contains a login in plain text.
func nothingSaved(s *stage) error {
	for _, found := range awstest.ScanTree(s.helper.cacheDir(s), s.secrets(), func(string) bool { return false }) {
		return found
	}
	return nil
}

// herds: F-par: many processes at once. `make herd` runs the large herds.
func herds() []fault {
	add := func(id, family, what string, from state, w want, n int, set func(s *stage)) fault {
		return fault{id: "herd-" + id, family: family, what: what, from: from, want: w, quick: true, set: func(s *stage) {
			if set != nil {
				set(s)
			}
			s.others(n)
		}, verify: func(s *stage, r *row) { s.judgeOthers(r) }}
	}
	one := map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1, awstest.CreateToken: 1}
	cold := add("cold", "F-par-1", "30 processes for one registry at once, nothing cached", signedIn, is(answered), 30, nil)
	cold.calls = one
	renew := add("refresh", "F-par-3", "30 processes at once, and the session has to be renewed", expired, is(answered), 30, nil)
	renew.calls = one
	dead := add("signed-out", "F-par-6", "30 processes at once, not signed in, without a terminal", signedOut, refusal("not signed in", ""), 30, nil)
	dead.calls = map[awstest.Op]int{awstest.Any: 0}
	return []fault{cold, renew, dead}
}

// others runs the same get in n more processes at the same time.
func (s *stage) others(n int) {
	s.call.During = func(ctx context.Context, _ int) {
		var all sync.WaitGroup
		for range n - 1 {
			all.Go(func() {
				call := s.Get(s.helper.path, lab.Host)
				call.Env, call.Under, call.Limit = s.call.Env, s.call.Under, time.Minute
				r, err := s.bench.Run(call)
				if err != nil {
					return
				}
				s.mu.Lock()
				s.rest = append(s.rest, r)
				s.mu.Unlock()
			})
		}
		all.Wait()
	}
}

// judgeOthers applies the checks of the first process to the other processes.
func (s *stage) judgeOthers(r *row) {
	for _, o := range s.rest {
		if (o.Code == 0) != (s.fault.want.ending == answered) {
			r.bad(protocol, "one of the others ended with %d: %s", o.Code, head(o.Stdout+o.Stderr))
			return
		}
		if o.Code == 0 && !strings.Contains(o.Stdout, `"Secret":"`) {
			r.bad(protocol, "one of the others has no answer")
		}
	}
	if len(s.rest) == 0 {
		r.bad(protocol, "the others did not run")
	}
}
