//go:build linux

package main

import (
	"runtime"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// answer is how a file system without locks answers flock.
type answer struct{ name, what string }

var answers = []answer{
	{"ENOLCK", "there is no lock to be had (ENOLCK: NFS without its lock service)"},
	{"EOPNOTSUPP", "its file system knows no locks (EOPNOTSUPP)"},
	{"ENOSYS", "the system knows no locks (ENOSYS)"},
	{"EIO", "taking a lock is an error (EIO)"},
	{"asleep", "taking a lock sleeps for ever (a server that is gone)"},
}

// cacheLocks: F-cache-9: the home is on a file system without locks. The login is given
// and kept all the same, and no refresh token is lost.
func cacheLocks() []fault {
	var all []fault
	for _, how := range answers {
		all = append(all, lockless(how)...)
	}
	return all
}

func lockless(how answer) []fault {
	add := func(id, what string, from state, w want, set func(s *stage)) fault {
		return fault{id: "lockless-" + id + "-" + slug(how.name), family: "F-cache-9", what: what + ": " + how.what, ours: true, from: from, want: w,
			limit: 25 * time.Second, quick: how.name == "ENOLCK", slow: true, after: answersFromCache,
			set: func(s *stage) { set(s); s.trap(how.name, "") }}
	}
	// The locks that a get takes, by the beginning of their files' names.
	only := func(kind, what string, from state) fault {
		f := add("only-"+kind, what, from, is(answered), nil)
		f.set = func(s *stage) { s.trap(how.name, kind+"-") }
		return f
	}
	none := func(*stage) {}
	warm := add("warm", "the login is in the cache", warmed, is(answered), none)
	warm.limit = local
	login := add("login", "a sign-in", signedOut, want{ending: commandOK, cause: "Successfully logged into"}, func(s *stage) { s.signInWith(agree) })
	inGet := add("in-get", "a sign-in inside a get, which is not begun without a lock", signedOut,
		refusal("not signed in", "docker-credential-ecr-sso login --sso-session corp"), func(s *stage) { s.atTerminal(); s.browser("", agree) })
	inGet.after = nil
	// Nobody keeps the ten from asking: AWS takes the refresh token of one, and the
	// others are refused while the answer to that one is on its way.
	herd := add("herd", "10 processes at once, and the session has to be renewed", expired, is(answered), func(s *stage) {
		s.fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Rewrite, Times: 1, Rewrite: func(b []byte) []byte {
			time.Sleep(time.Second)
			return b
		}})
		s.others(10)
	})
	herd.mend, herd.quick = func(s *stage, r *row) { s.judgeOthers(r) }, how.name == "ENOLCK"
	return []fault{
		add("cold", "nothing is cached", signedIn, is(answered), none),
		add("refresh", "the session has to be renewed", expired, is(answered), none),
		warm, login, inGet, herd,
		only("get", "the lock of the registry's login alone", signedIn),
		only("role", "the lock of the role's credentials alone", signedIn),
		only("session", "the lock of the session alone, which has to be renewed", expired),
	}
}

// trap runs the helper under the tracer: each flock in the home meets the fault, or
// those of the files whose names begin so.
func (s *stage) trap(fault, named string) {
	if runtime.GOARCH != "amd64" {
		s.cannot = "the tracer is for amd64 alone"
		return
	}
	trap, err := s.bench.Tool(".ci/lab/cmd/trap")
	s.must(err)
	s.under(trap, "-below", s.Home.Dir, "-every", "flock", "-named", named, "-fault", fault)
}

// answersFromCache: the login was kept, and the next get needs nobody.
func answersFromCache(s *stage) error {
	if s.fault.want.command() { // it was a sign-in
		if err := works(s); err != nil {
			return err
		}
	}
	return healed(s)
}
