//go:build linux

package main

import (
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
)

// cacheModes: F-cache-5: a different user could have written the cache. The helper does
// not trust any of its contents and prints no more than one warning.
func cacheModes() []fault {
	const once = `^warning: logins are not cached: .*; run: docker-credential-ecr-sso doctor`
	all := []fault{
		{id: "cache-0644", what: "all users can read the cached login's file", set: func(s *stage) { s.chmod(0o644, s.entries...) }},
		{id: "cache-0666", what: "all users can write the cached login's file", set: func(s *stage) { s.plant(); s.chmod(0o666, s.entries...) }},
		{id: "cache-0660", what: "the group can write the cached login's file", set: func(s *stage) { s.plant(); s.chmod(0o660, s.entries...) }},
		{id: "cache-0000", what: "the cached login's file has no read permission", set: func(s *stage) { s.chmod(0, s.entries...); s.asUser() }},
		{id: "cache-dir-0777", what: "all users can write the cache's directory", set: func(s *stage) { s.plant(); s.chmod(0o777, s.helper.cacheDir(s)) }},
		{id: "cache-dir-0775", what: "the group can write the cache's directory", set: func(s *stage) { s.plant(); s.chmod(0o775, s.helper.cacheDir(s)) }},
		{id: "cache-owner", what: "another user owns the cached login's file", root: true, set: func(s *stage) {
			s.plant()
			for _, path := range s.entries {
				s.must(os.Chown(path, unprivileged, unprivileged))
			}
		}},
		{id: "cache-dir-owner", what: "another user owns the cache's directory", root: true, set: func(s *stage) {
			s.plant()
			s.must(os.Chown(s.helper.cacheDir(s), unprivileged, unprivileged))
		}},
		{id: "cache-immutable", what: "the cached login's file is damaged and immutable", root: true, set: func(s *stage) {
			s.change(func(string) string { return "{" })
			s.chattr("+i", s.entries...)
		}},
		{id: "cache-dir-immutable", what: "the cache's directory is immutable", root: true, set: func(s *stage) {
			s.change(func(string) string { return "{" })
			s.chattr("+i", s.helper.cacheDir(s))
		}},
		{id: "cache-elsewhere", what: "the cache's directory is a link to one that all users can write", set: func(s *stage) {
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
			all[i].want = is(answered) // an entry that cannot be read needs no warning
		}
	}
	return all
}

// plant adds a login to the cache that AWS did not issue. A helper that returns it has
// trusted a file that other users could have written.
func (s *stage) plant() {
	const planted = "planted-by-another-user"
	s.change(func(text string) string {
		for _, secret := range s.AWS.Secrets() {
			if s.AWS.PasswordValid(secret) && secret != s.other {
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
	s.ignore(paths...)
}

// chattr sets an attribute until the end of the run. Not every file system supports it.
func (s *stage) chattr(flag string, paths ...string) {
	for _, path := range paths {
		if exec.Command("chattr", flag, path).Run() != nil {
			s.cannot = "the file system has no chattr " + flag
			return
		}
		s.ends = append(s.ends, func() { _ = exec.Command("chattr", "-"+flag[1:], path).Run() })
	}
}

// mustNotChange makes a file a witness.
func (s *stage) mustNotChange(path string) { s.extra = append(s.extra, path) }
