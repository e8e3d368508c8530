//go:build linux

package main

import (
	"fmt"
)

// cacheFull: F-cache-7: writing fails. The login is returned, existing files stay, and no
// temporary files remain.
func cacheFull() []fault {
	row := func(id, what string, set func(s *stage)) fault {
		return fault{id: "full-" + id, family: "F-cache-7", what: what, want: is(answered), quick: true, set: set, after: works}
	}
	all := []fault{
		rooted(row("disk", "the cache's file system is full", func(s *stage) { s.fullAt(s.helper.cacheDir(s)) })),
		rooted(row("disk-aws", "the file system of ~/.aws is full", func(s *stage) { s.fullAt(s.Path(".aws")) })),
		rooted(row("inodes", "the cache's file system has no free inode", func(s *stage) {
			c := s.helper.cacheDir(s)
			s.mounted(fmt.Sprintf("cp -a '%s' '%s/kept' && mount -t tmpfs -o mode=700,nr_inodes=24 tmpfs '%s' && cp -a '%s/kept/.' '%s' && i=0; while touch '%s/fill-'$i 2>/dev/null; do i=$((i+1)); done",
				c, s.dir, c, s.dir, c, c))
		})),
		row("fsize-0", "files are limited to 0 bytes (RLIMIT_FSIZE)", func(s *stage) { s.env("ECR_SSO_LOG"); s.under("prlimit", "--fsize=0") }),
		row("fsize-100", "files are limited to 100 bytes (RLIMIT_FSIZE)", func(s *stage) { s.env("ECR_SSO_LOG"); s.under("prlimit", "--fsize=100") }),
		row("fsize-2000", "files are limited to 2,000 bytes (RLIMIT_FSIZE)", func(s *stage) { s.env("ECR_SSO_LOG"); s.under("prlimit", "--fsize=2000") }),
	}
	for _, n := range []int{8, 9, 10, 12, 14, 16} {
		f := row(fmt.Sprintf("nofile-%d", n), fmt.Sprintf("the process can open %d files (RLIMIT_NOFILE)", n), func(s *stage) {
			s.env("ECR_SSO_LOG")
			s.under("prlimit", fmt.Sprintf("--nofile=%d", n))
		})
		f.want = want{ending: either, cause: "too many open files|cannot connect|was lost|resolve", next: "docker-credential-ecr-sso "}
		all = append(all, f)
	}
	return append(all, refreshFull()...)
}

// refreshFull: a refresh token is used only if the new one can be saved.
func refreshFull() []fault {
	row := func(id, what string, set func(s *stage)) fault {
		return fault{id: "full-" + id, family: "F-cache-7", what: what, from: expired, quick: true, set: set, after: works,
			want: refusal("space|file too large|read-only|could not be saved|not be kept|permission denied|denied", "(docker-credential-ecr-sso |df -h )")}
	}
	readOnly := row("refresh-read-only", "the session has to be renewed and the directory of its file is read-only", func(s *stage) {
		s.chmod(0o500, s.Path(".aws", "sso", "cache"))
		s.asUser()
	})
	readOnly.want.next = `chmod u\+rwx `
	readOnly.after = nil // the home belongs to a different user by then
	return []fault{
		rooted(row("refresh-disk", "the session has to be renewed and ~/.aws has no space", func(s *stage) { s.fullAt(s.Path(".aws")) })),
		row("refresh-fsize", "the session has to be renewed and files are limited to 100 bytes", func(s *stage) {
			s.env("ECR_SSO_LOG")
			s.under("prlimit", "--fsize=100")
		}),
		readOnly,
	}
}

// fullAt mounts a full file system with a copy of the directory. Files written there are
// lost when the run ends, including a new refresh token.
func (s *stage) fullAt(dir string) {
	s.mounted(fmt.Sprintf("cp -a '%s' '%s/kept' && mount -t tmpfs -o mode=700,size=256k tmpfs '%s' && cp -a '%s/kept/.' '%s' && cat /dev/zero >'%s/fill' 2>/dev/null",
		dir, s.dir, dir, s.dir, dir, dir))
}
