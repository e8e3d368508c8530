//go:build linux

package main

import (
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// cacheKinds: F-cache-4: a cached login's file is a link, a pipe, a directory or a
// device. The helper does not follow links, and reading does not block.
func cacheKinds() []fault {
	instead := func(id, what string, put func(s *stage, path string)) fault {
		return fault{id: "cache-" + id, family: "F-cache-4", what: "the cached login's file is " + what,
			from: warmed, want: mayWarn(`^warning: logins are not cached: .*not trusted`), quick: true, set: func(s *stage) {
				for _, path := range s.entries {
					s.must(os.Rename(path, filepath.Join(s.dir, filepath.Base(path))))
					put(s, path)
				}
				s.ignore(s.entries...)
			}}
	}
	return []fault{
		instead("directory", "a directory", func(s *stage, path string) { s.must(os.Mkdir(path, 0o700)) }),
		instead("full-directory", "a directory with a file in it", func(s *stage, path string) { s.write(filepath.Join(path, "x"), "x") }),
		instead("fifo", "a pipe without a writer", func(s *stage, path string) { s.must(syscall.Mkfifo(path, 0o600)) }),
		instead("socket", "a socket", socket),
		rooted(instead("device", "an endless device (the numbers of /dev/zero)", func(s *stage, path string) {
			s.must(unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))))
		})),
		instead("link", "a link to the real file in another directory", func(s *stage, path string) {
			s.must(os.Symlink(filepath.Join(s.dir, filepath.Base(path)), path))
		}),
		instead("link-dangling", "a dangling link", func(s *stage, path string) {
			s.must(os.Symlink(filepath.Join(s.dir, "nothing"), path))
		}),
		instead("link-loop", "a link to itself", func(s *stage, path string) { s.must(os.Symlink(path, path)) }),
		instead("link-config", "a link to the user's AWS configuration", func(s *stage, path string) {
			s.must(os.Symlink(s.Home.ConfigPath(), path))
		}),
		instead("hard-link", "a file with a second name", func(s *stage, path string) {
			s.must(os.Link(filepath.Join(s.dir, filepath.Base(path)), path))
		}),
	}
}

func rooted(f fault) fault {
	f.root = true
	return f
}

// socket binds a socket under a short name and renames it, because a socket name is
// limited to 108 bytes (unix(7)).
func socket(s *stage, path string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	s.must(err)
	dir, err := unix.Open(filepath.Dir(path), unix.O_PATH, 0)
	s.must(err)
	defer unix.Close(dir)
	s.ends = append(s.ends, func() { _ = unix.Close(fd) })
	temp := filepath.Join(os.TempDir(), "faultlab-"+s.fault.id)
	_ = os.Remove(temp)
	s.must(unix.Bind(fd, &unix.SockaddrUnix{Name: temp}))
	s.must(os.Rename(temp, path))
}
