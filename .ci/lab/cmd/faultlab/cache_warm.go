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

// warmEntry is a fault of the file from which a get is answered before anything else
// is looked at. The answer comes the longer way, and is the right one.
func warmEntry(id, what string, w want, set func(s *stage, warm, login string)) fault {
	return fault{id: "warm-" + id, family: "F-cache-1", what: "warm entry: " + what, from: warmed, ours: true, quick: true, want: w, limit: local,
		set: func(s *stage) {
			warm, login := s.pair()
			set(s, warm, login)
			s.spare(s.entries...)
		}}
}

// warmEntries: the entry is not what was written there.
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
		text("empty", "empty", ""), text("garbage", "random bytes", "\x00\x01\xfe\xff\n\n"), text("lines", "a thousand empty lines", strings.Repeat("\n", 1000)),
		text("long", "a megabyte", strings.Repeat("x", 1<<20)), text("long-line", "a line of 60,000 bytes", strings.Repeat("x", 60_000)+"\n"),
		change("cut", "cut in the middle", func(t string) string { return t[:len(t)/2] }), change("twice", "its text twice", func(t string) string { return t + t }),
		change("crlf", "CRLF line ends", func(t string) string { return strings.ReplaceAll(t, "\n", "\r\n") }),
		change("path", "names a login outside the cache", func(t string) string { return strings.ReplaceAll(t, ".v1.json", "/../../x.v1.json") }),
		change("nul", "a NUL in each line", func(t string) string { return strings.ReplaceAll(t, "\n", "\x00\n") }),
		change("numbers", "numbers that no file has", func(t string) string { return strings.NewReplacer("1", "99999999999999999999", "2", "-1").Replace(t) }),
		warmEntry("other", "the one of another registry", is(answered), func(s *stage, warm, _ string) {
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
		instead("fifo", "a pipe", func(s *stage, warm string) { s.must(syscall.Mkfifo(warm, 0o600)) }),
		instead("directory", "a directory", func(s *stage, warm string) { s.must(os.Mkdir(warm, 0o700)) }),
		instead("link", "a link to it", func(s *stage, warm string) { s.must(os.Symlink(filepath.Join(s.dir, "warm"), warm)) }),
		instead("zero", "a link to a device without end", func(s *stage, warm string) { s.must(os.Symlink("/dev/zero", warm)) }),
	}
}

// warmChanges: what the entry hangs on has changed.
func warmChanges() []fault {
	anew := func(f fault) fault { // the cached login is not the answer any more
		f.limit, f.mend = network, func(s *stage, r *row) {
			if s.AWS.Calls(awstest.ECR) == 0 {
				r.bad(kept, "the cached login was given")
			}
		}
		return f
	}
	return []fault{
		warmEntry("0666", "everybody may write it", mayWarn("^warning: logins are not cached: "), func(s *stage, warm, _ string) { s.chmod(0o666, warm) }),
		anew(warmEntry("login-gone", "the login that it names is gone", is(answered), func(s *stage, _, login string) { s.must(os.Remove(login)) })),
		anew(warmEntry("login-garbage", "the login that it names is garbage", is(answered), func(s *stage, _, login string) { s.must(os.WriteFile(login, []byte("{"), 0o600)) })),
		anew(warmEntry("role-changed", "the profile has got another role", is(answered), func(s *stage, _, _ string) {
			s.replaceIn(s.Home.ConfigPath(), `sso_role_name = Push\nregion = us-east-1`, "sso_role_name = ReadOnly\nregion = us-east-1")
		})),
		anew(warmEntry("profile-chosen", "AWS_PROFILE names another profile", is(answered), func(s *stage, _, _ string) {
			s.AWS.AllowCrossAccount(lab.OtherAccount, lab.Account)
			s.env("AWS_PROFILE=" + lab.OtherProfile)
		})),
		warmEntry("logged-out", "the session's token file is gone", refusal("not signed in", "docker-credential-ecr-sso login"), func(s *stage, _, _ string) {
			s.must(os.Remove(s.Home.TokenPath(lab.Session)))
			s.spare(s.Home.TokenPath(lab.Session))
		}),
	}
}

// pair is the warm entry and the login of the asked registry.
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
