//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// warmEntry returns a fault in the warm entry, the file that pkg/internal/warm uses for
// early answers. With the fault, the normal path must return the correct login.
func warmEntry(id, what string, w want, set func(s *stage, warm, login string)) fault {
	return fault{id: "warm-" + id, family: "F-cache-1", what: "the warm entry: " + what, from: warmed, ours: true, quick: true, want: w, limit: local,
		set: func(s *stage) {
			warm, login := s.pair()
			set(s, warm, login)
			s.ignore(s.entries...)
		}}
}

// warmEntries: the entry is damaged.
func warmEntries() []fault {
	text := func(id, what, text string) fault {
		return warmEntry(id, what, is(answered), func(s *stage, warm, _ string) { s.must(os.WriteFile(warm, []byte(text), 0o600)) })
	}
	change := func(id, what string, how func(string) string) fault {
		return warmEntry(id, what, is(answered), func(s *stage, warm, _ string) {
			t, err := os.ReadFile(warm)
			s.must(err)
			s.must(os.WriteFile(warm, []byte(how(string(t))), 0o600))
		})
	}
	instead := func(id, what string, put func(s *stage, warm string)) fault {
		return warmEntry(id, what, mayWarn("^warning: logins are not cached: "), func(s *stage, warm, _ string) {
			s.must(os.Rename(warm, filepath.Join(s.dir, "warm")))
			put(s, warm)
		})
	}
	return []fault{
		text("empty", "is empty", ""), text("garbage", "is random bytes", "\x00\x01\xfe\xff\n\n"), text("lines", "is a thousand empty lines", strings.Repeat("\n", 1000)),
		text("long", "is 1 MB long", strings.Repeat("x", 1<<20)), text("long-line", "is a line of 60,000 bytes", strings.Repeat("x", 60_000)+"\n"),
		change("cut", "ends in the middle", func(t string) string { return t[:len(t)/2] }), change("twice", "contains its text twice", func(t string) string { return t + t }),
		change("crlf", "has CRLF line endings", func(t string) string { return strings.ReplaceAll(t, "\n", "\r\n") }),
		change("path", "names a login outside the cache", func(t string) string { return strings.ReplaceAll(t, ".v1.json", "/../../x.v1.json") }),
		change("nul", "has a NUL in each line", func(t string) string { return strings.ReplaceAll(t, "\n", "\x00\n") }),
		change("numbers", "has impossible numbers", func(t string) string { return strings.NewReplacer("1", "99999999999999999999", "2", "-1").Replace(t) }),
		warmEntry("other", "is the entry of another registry", is(answered), func(s *stage, warm, _ string) {
			changed := false
			for _, path := range s.helper.cached(s) {
				if filepath.Ext(path) == filepath.Ext(warm) && path != warm {
					t, err := os.ReadFile(path)
					s.must(err)
					s.must(os.WriteFile(warm, t, 0o600))
					changed = true
				}
			}
			if !changed {
				s.must(errors.New("the other registry has no warm entry"))
			}
		}),
		instead("fifo", "is a pipe", func(s *stage, warm string) { s.must(syscall.Mkfifo(warm, 0o600)) }),
		instead("directory", "is a directory", func(s *stage, warm string) { s.must(os.Mkdir(warm, 0o700)) }),
		instead("link", "is a link to the file", func(s *stage, warm string) { s.must(os.Symlink(filepath.Join(s.dir, "warm"), warm)) }),
		instead("zero", "is a link to an endless device", func(s *stage, warm string) { s.must(os.Symlink("/dev/zero", warm)) }),
	}
}

// warmChanges: a dependency of the entry has changed.
func warmChanges() []fault {
	uncached := func(f fault) fault { // the cached login is no longer valid
		f.limit, f.verify = network, func(s *stage, r *row) {
			if s.AWS.Calls(awstest.ECR) == 0 {
				r.bad(noLoss, "the cached login was returned")
			}
		}
		return f
	}
	return []fault{
		warmEntry("0666", "all users can write it", mayWarn("^warning: logins are not cached: "), func(s *stage, warm, _ string) { s.chmod(0o666, warm) }),
		uncached(warmEntry("login-gone", "the login that it names is missing", is(answered), func(s *stage, _, login string) { s.must(os.Remove(login)) })),
		uncached(warmEntry("login-garbage", "the login that it names is garbage", is(answered), func(s *stage, _, login string) { s.must(os.WriteFile(login, []byte("{"), 0o600)) })),
		uncached(warmEntry("role-changed", "the profile has another role now", is(answered), func(s *stage, _, _ string) {
			s.replaceIn(s.Home.ConfigPath(), `sso_role_name = Push\nregion = us-east-1`, "sso_role_name = ReadOnly\nregion = us-east-1")
		})),
		uncached(warmEntry("profile-chosen", "AWS_PROFILE names another profile", is(answered), func(s *stage, _, _ string) {
			s.AWS.AllowCrossAccount(lab.OtherAccount, lab.Account)
			s.env("AWS_PROFILE=" + lab.OtherProfile)
		})),
		warmEntry("logged-out", "the session's token file is missing", refusal("not signed in", "docker-credential-ecr-sso login"), func(s *stage, _, _ string) {
			s.must(os.Remove(s.Home.TokenPath(lab.Session)))
			s.ignore(s.Home.TokenPath(lab.Session))
		}),
	}
}

// pair returns the paths of the warm entry and the login of the requested registry.
func (s *stage) pair() (warm, login string) {
	for _, path := range s.entries {
		if strings.HasSuffix(path, ".json") {
			login = path
		} else {
			warm = path
		}
	}
	if warm == "" || login == "" {
		s.must(errors.New("there is no warm entry"))
	}
	return warm, login
}
