//go:build unix

package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Obstacle says why this user may not read or write the file at path after that
// failed with err, and which command repairs it: an owner is repaired with chown and
// a mode with chmod. ok is false when neither is wrong. quote quotes a path for a
// shell. For a write alone, Repair knows more commands.
func Obstacle(path string, err error, quote func(string) string) (cause, command string, ok bool) {
	if !errors.Is(err, fs.ErrPermission) {
		return "", "", false
	}
	// The file itself counts only if its directory is open to this user.
	for at := path; ; at = filepath.Dir(at) {
		info, statErr := os.Stat(at)
		if statErr != nil && at != filepath.Dir(at) {
			continue
		}
		st, known := statOf(info)
		if statErr != nil || !known {
			return "", "", false
		}
		need, bits, deep := fs.FileMode(0o600), "u+rw", ""
		if info.IsDir() {
			need, bits, deep = 0o700, "u+rwx", "-R "
		}
		me := os.Geteuid()
		switch {
		case int(st.Uid) != me && belowOwn(at, me):
			return fmt.Sprintf("%s belongs to user %d", at, st.Uid), fmt.Sprintf("sudo chown %s%d %s", deep, me, quote(at)), true
		case me != 0 && int(st.Uid) == me && info.Mode().Perm()&need != need:
			return fmt.Sprintf("%s has mode %04o", at, info.Mode().Perm()), "chmod " + bits + " " + quote(at), true
		case info.IsDir():
			return "", "", false
		}
	}
}

func statOf(info fs.FileInfo) (*syscall.Stat_t, bool) {
	if info == nil {
		return nil, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return st, ok
}

// belowOwn reports whether a directory above path is the user's: only there is an
// owner a mistake that chown repairs, and not another user's home.
func belowOwn(path string, uid int) bool {
	for at := filepath.Dir(path); at != filepath.Dir(at); at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if st, ok := statOf(info); err == nil && ok && int(st.Uid) == uid {
			return true
		}
	}
	return false
}
