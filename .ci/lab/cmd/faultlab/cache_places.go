//go:build linux

package main

import (
	"os"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// place returns a fault that affects the home or cache directory (F-cache-6).
func place(id, what string, set func(s *stage)) fault {
	return fault{id: "home-" + id, family: "F-cache-6", what: what, want: is(answered), quick: true, set: set}
}

// homes: the home is missing or unusual. The login is returned anyway, and nothing is
// written to a shared directory.
func homes() []fault {
	keys := func(id, what string, set func(s *stage)) fault {
		return place(id, what, func(s *stage) { s.keys(); set(s) })
	}
	return []fault{
		rooted(place("unset", "HOME is not set, but the user database has a home", func(s *stage) {
			s.env("HOME")
			s.mounted("mount --bind '" + s.Home.Dir + "' /root")
		})),
		keys("missing", "HOME does not exist", func(s *stage) { s.env("HOME="+s.Path("gone"), "XDG_CACHE_HOME", "XDG_CONFIG_HOME") }),
		keys("relative", "HOME is a relative path", func(s *stage) { s.env("HOME=home", "XDG_CACHE_HOME", "XDG_CONFIG_HOME") }),
		keys("empty", "HOME is empty", func(s *stage) {
			s.env("HOME=", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "AWS_CONFIG_FILE="+s.Home.ConfigPath())
			if os.Getuid() == 0 { // during the run, this is the home in the user database
				s.mounted("mount --bind '" + s.Home.Dir + "' /root")
			}
		}),
		keys("file", "HOME is a file", func(s *stage) { s.env("HOME="+s.Home.ConfigPath(), "XDG_CACHE_HOME", "XDG_CONFIG_HOME") }),
		keys("devnull", "HOME is /dev/null", func(s *stage) { s.env("HOME=/dev/null", "XDG_CACHE_HOME", "XDG_CONFIG_HOME") }),
		place("read-only", "the home's directories are read-only", func(s *stage) {
			s.chmod(0o500, s.Path(".cache"), s.helper.cacheDir(s), s.Path(".aws", "sso", "cache"), s.Path(".aws", "cli", "cache"), s.Home.Dir)
			s.env("ECR_SSO_LOG")
			s.asUser()
			s.ends = append(s.ends, func() { _ = os.Chmod(s.Home.Dir, 0o700) })
		}),
		rooted(place("read-only-fs", "the home is on a read-only file system", func(s *stage) {
			s.env("ECR_SSO_LOG")
			s.mounted("mount --bind '" + s.Home.Dir + "' '" + s.Home.Dir + "' && mount -o remount,bind,ro '" + s.Home.Dir + "'")
		})),
		rooted(place("read-only-cache", "the cache is on a read-only file system", func(s *stage) {
			c := s.helper.cacheDir(s)
			s.mounted("mount --bind '" + c + "' '" + c + "' && mount -o remount,bind,ro '" + c + "'")
		})),
		rooted(place("of-another", "the home belongs to another user, and the helper runs as root", func(s *stage) {
			s.env("ECR_SSO_LOG")
			s.must(os.RemoveAll(s.helper.cacheDir(s)))
			s.must(os.Chown(s.Path(".cache"), unprivileged, unprivileged))
			s.must(os.Chown(s.Home.Dir, unprivileged, unprivileged))
		})),
	}
}

// cachePlaces: the cache path is not a directory, or it has an unusual name.
func cachePlaces() []fault {
	cacheAt := func(id, value string) fault {
		return place("xdg-"+slug(id), "XDG_CACHE_HOME is "+id, func(s *stage) { s.env("XDG_CACHE_HOME=" + strings.ReplaceAll(value, "$HOME", s.Home.Dir)) })
	}
	own := func(id, value string) fault {
		f := place("own-dir-"+slug(id), "ECR_SSO_CACHE_DIR is "+id, func(s *stage) {
			s.cacheAt = strings.ReplaceAll(value, "$HOME", s.Home.Dir)
			s.env("ECR_SSO_CACHE_DIR=" + s.cacheAt)
		})
		f.ours = true
		return f
	}
	return []fault{
		warns(place("cache-file", "the cache's directory is a file", func(s *stage) {
			s.must(os.RemoveAll(s.helper.cacheDir(s)))
			s.write(s.helper.cacheDir(s), "x")
		})),
		place("cache-loop", "the cache's directory is a link to itself", func(s *stage) {
			s.must(os.RemoveAll(s.helper.cacheDir(s)))
			s.must(os.Symlink(s.helper.cacheDir(s), s.helper.cacheDir(s)))
		}),
		cacheAt("relative", "cache"), cacheAt("empty", ""), cacheAt("a device", "/dev/null"), cacheAt("a tilde", "~/.cache"),
		cacheAt("a file", "$HOME/.aws/config"), cacheAt("long", "/"+strings.Repeat("x/", 2500)), cacheAt("in proc", "/proc/self"),
		own("relative", "cache"), own("root", "/proc"), own("a name with a line break", "$HOME/.cache/a\nb"),
	}
}

func warns(f fault) fault {
	f.want = mayWarn("^warning: logins are not cached: ")
	return f
}

// keys adds an IAM user's keys to the environment. An ECR login then needs no home.
func (s *stage) keys() {
	k := s.AWS.AddKeys(lab.Account)
	s.env("AWS_ACCESS_KEY_ID="+k.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+k.SecretAccessKey, "AWS_PROFILE")
}
