//go:build linux

package main

import (
	"runtime"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// flockResult is the result of flock on a file system without locks.
type flockResult struct{ name, what string }

var flockResults = []flockResult{
	{"ENOLCK", "no locks are available (ENOLCK: NFS without its lock service)"},
	{"EOPNOTSUPP", "the file system has no locks (EOPNOTSUPP)"},
	{"ENOSYS", "the system has no locks (ENOSYS)"},
	{"EIO", "locking fails with an I/O error (EIO)"},
	{"hang", "locking never returns (a file server that is down)"},
}

// cacheLocks: F-cache-9: the home is on a file system without locks. The login is returned
// and cached anyway, and no refresh token is lost.
func cacheLocks() []fault {
	var all []fault
	for _, how := range flockResults {
		all = append(all, lockless(how)...)
	}
	return all
}

func lockless(how flockResult) []fault {
	add := func(id, what string, from state, w want, set func(s *stage)) fault {
		return fault{id: "lockless-" + id + "-" + slug(how.name), family: "F-cache-9", what: what + ": " + how.what, ours: true, from: from, want: w,
			limit: 25 * time.Second, quick: how.name == "ENOLCK", slow: true, after: answersFromCache,
			set: func(s *stage) { set(s); s.trap(how.name, "") }}
	}
	// The locks of a get, by the prefix of their files' names.
	only := func(kind, what string, from state) fault {
		f := add("only-"+kind, what, from, is(answered), nil)
		f.set = func(s *stage) { s.trap(how.name, kind+"-") }
		return f
	}
	none := func(*stage) {}
	warm := add("warm", "the login is in the cache", warmed, is(answered), none)
	warm.limit = local
	login := add("login", "a sign-in", signedOut, want{ending: commandOK, cause: "Successfully logged into"}, func(s *stage) { s.signInWith(agree) })
	inGet := add("in-get", "a sign-in inside a get, which needs a lock", signedOut,
		refusal("not signed in", "docker-credential-ecr-sso login --sso-session corp"), func(s *stage) { s.atTerminal(); s.browser("", agree) })
	inGet.after = nil
	// All ten processes call AWS. It accepts the first refresh, but delays the response.
	// During the delay, it rejects the other nine refreshes.
	herd := add("herd", "10 processes at once, and the session has to be renewed", expired, is(answered), func(s *stage) {
		s.fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Rewrite, Times: 1, Rewrite: func(b []byte) []byte {
			time.Sleep(time.Second)
			return b
		}})
		s.others(10)
	})
	herd.verify, herd.quick = func(s *stage, r *row) { s.judgeOthers(r) }, how.name == "ENOLCK"
	return []fault{
		add("cold", "nothing is cached", signedIn, is(answered), none),
		add("refresh", "the session has to be renewed", expired, is(answered), none),
		warm, login, inGet, herd,
		only("get", "only the lock of the registry's login", signedIn),
		only("role", "only the lock of the role's credentials", signedIn),
		only("session", "only the lock of the session, which has to be renewed", expired),
	}
}

// trap runs the helper under the tracer: every flock in the home fails with the fault. If
// named is set, only flocks on files whose names have this prefix fail.
func (s *stage) trap(fault, named string) {
	if runtime.GOARCH != "amd64" {
		s.cannot = "the tracer runs on amd64 only"
		return
	}
	trap, err := s.bench.Tool(".ci/lab/cmd/trap")
	s.must(err)
	s.under(trap, "-below", s.Home.Dir, "-every", "flock", "-named", named, "-fault", fault)
}

// answersFromCache checks that the login was cached: the next get makes no call.
func answersFromCache(s *stage) error {
	if s.fault.want.command() { // it was a sign-in
		if err := works(s); err != nil {
			return err
		}
	}
	return cachedAgain(s)
}
