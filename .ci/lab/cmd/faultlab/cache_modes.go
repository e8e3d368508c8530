//go:build linux

package main

import (
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
)

// cacheModes: somebody else could have written the cache. Nothing in it is believed,
// and the person hears of it at most once.
func cacheModes() []fault {
	const once = `^warning: logins are not cached: .*; run: docker-credential-ecr-sso doctor`
	all := []fault{
		{id: "cache-0644", what: "everybody may read the cached login's file", set: func(s *stage) { s.chmod(0o644, s.entries...) }},
		{id: "cache-0666", what: "everybody may write the cached login's file", set: func(s *stage) { s.plant(); s.chmod(0o666, s.entries...) }},
		{id: "cache-0660", what: "the group may write the cached login's file", set: func(s *stage) { s.plant(); s.chmod(0o660, s.entries...) }},
		{id: "cache-0000", what: "nobody may read the cached login's file", set: func(s *stage) { s.chmod(0, s.entries...); s.asUser() }},
		{id: "cache-dir-0777", what: "everybody may write the cache's directory", set: func(s *stage) { s.plant(); s.chmod(0o777, s.helper.cacheDir(s)) }},
		{id: "cache-dir-0775", what: "the group may write the cache's directory", set: func(s *stage) { s.plant(); s.chmod(0o775, s.helper.cacheDir(s)) }},
		{id: "cache-owner", what: "another user owns the cached login's file", root: true, set: func(s *stage) {
			s.plant()
			for _, path := range s.entries {
				s.must(os.Chown(path, nobody, nobody))
			}
		}},
		{id: "cache-dir-owner", what: "another user owns the cache's directory", root: true, set: func(s *stage) {
			s.plant()
			s.must(os.Chown(s.helper.cacheDir(s), nobody, nobody))
		}},
		{id: "cache-immutable", what: "the cached login's file is damaged and immutable", root: true, set: func(s *stage) {
			s.change(func(string) string { return "{" })
			s.chattr("+i", s.entries...)
		}},
		{id: "cache-dir-immutable", what: "the cache's directory is immutable", root: true, set: func(s *stage) {
			s.change(func(string) string { return "{" })
			s.chattr("+i", s.helper.cacheDir(s))
		}},
		{id: "cache-elsewhere", what: "the cache's directory is a link to one that everybody may write", set: func(s *stage) {
			s.plant()
			real := s.Path("elsewhere")
			s.must(os.Rename(s.helper.cacheDir(s), real))
			s.must(os.Symlink(real, s.helper.cacheDir(s)))
			s.chmod(0o777, real)
		}},
	}
	for i := range all {
		all[i].family, all[i].from, all[i].want, all[i].quick = "F-cache-5", warmed, warning(once), true
		if strings.Contains(all[i].id, "immutable") || all[i].id == "cache-0000" {
			all[i].want = is(answered) // an entry that cannot be read is no news
		}
	}
	return all
}

// plant puts a login of somebody else's making into the cache, good until 2999: a
// helper that gives it away believed a file that anybody could have written.
func (s *stage) plant() {
	const planted = "planted-by-somebody-else"
	s.change(func(text string) string {
		for _, secret := range s.AWS.Secrets() {
			if s.AWS.GoodPassword(secret) && secret != s.other {
				text = strings.ReplaceAll(text, base64.StdEncoding.EncodeToString([]byte("AWS:"+secret)), base64.StdEncoding.EncodeToString([]byte("AWS:"+planted)))
				text = strings.ReplaceAll(text, secret, planted)
			}
		}
		return text
	})
}

func (s *stage) chmod(mode os.FileMode, paths ...string) {
	for _, path := range paths {
		s.must(os.Chmod(path, mode))
	}
	s.spare(paths...)
}

// chattr sets a flag until the end of the run; not every file system has it.
func (s *stage) chattr(flag string, paths ...string) {
	for _, path := range paths {
		if exec.Command("chattr", flag, path).Run() != nil {
			s.cannot = "the file system has no chattr " + flag
			return
		}
		s.ends = append(s.ends, func() { _ = exec.Command("chattr", "-"+flag[1:], path).Run() })
	}
}

// keepSame makes a file a witness.
func (s *stage) keepSame(path string) { s.extra = append(s.extra, path) }
