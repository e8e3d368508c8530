//go:build unix

package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	openNonBlock = unix.O_NONBLOCK
	openNoFollow = unix.O_NOFOLLOW
)

// distrustFile says what is wrong with a file that should be ours alone.
func distrustFile(path string, info fs.FileInfo) *NotTrustedError {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return &NotTrustedError{Path: path, Why: "owner unknown"}
	case int(st.Uid) != os.Geteuid():
		return &NotTrustedError{Path: path, Why: fmt.Sprintf("owned by user %d", st.Uid), Owner: true}
	case info.Mode().Perm()&0o077 != 0:
		return &NotTrustedError{Path: path, Why: fmt.Sprintf("mode %04o", info.Mode().Perm())}
	case st.Nlink > 1:
		return &NotTrustedError{Path: path, Why: fmt.Sprintf("%d hard links", st.Nlink)}
	}
	return nil
}

// distrustDir says what is wrong with a directory that only we should write to.
func distrustDir(path string, info fs.FileInfo) *NotTrustedError {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return &NotTrustedError{Path: path, Why: "owner unknown"}
	case int(st.Uid) != os.Geteuid():
		return &NotTrustedError{Path: path, Why: fmt.Sprintf("owned by user %d", st.Uid), Owner: true}
	case info.Mode().Perm()&0o022 != 0:
		return &NotTrustedError{Path: path, Why: fmt.Sprintf("mode %04o", info.Mode().Perm())}
	}
	return nil
}

// setMode gives f the mode and owner of old, or perm if old is nil.
func setMode(f *os.File, perm fs.FileMode, old fs.FileInfo) error {
	if old == nil {
		return f.Chmod(perm)
	}
	perm = old.Mode().Perm()
	if st, ok := old.Sys().(*syscall.Stat_t); ok && !sameOwner(f, st) {
		if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
			// The group's bits were meant for another group.
			perm &= 0o700
		}
	}
	return f.Chmod(perm)
}

func sameOwner(f *os.File, want *syscall.Stat_t) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	have, ok := info.Sys().(*syscall.Stat_t)
	return ok && have.Uid == want.Uid && have.Gid == want.Gid
}

// Changed returns when the file at path, links followed, last took its place: its
// content was written, or it was moved here. A tool that sets the first date back
// moves the second.
func Changed(path string) (time.Time, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return time.Time{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	written, moved := time.Unix(st.Mtim.Unix()), time.Unix(st.Ctim.Unix())
	if moved.After(written) {
		return moved, nil
	}
	return written, nil
}

func replace(from, to string) error { return os.Rename(from, to) }

// syncDir makes a rename last through a power cut, where the file system can.
func syncDir(path string) {
	d, err := os.Open(path)
	if err != nil {
		return
	}
	_ = d.Sync()
	_ = d.Close()
}
