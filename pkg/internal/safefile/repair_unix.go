//go:build unix

package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Repair returns the reason why this user cannot replace the file at path, and the
// command that fixes it. rerun is the command that writes the file; for root, the fix is
// to run it as the owner of the directory. If rerun is "", Repair instead returns the
// reason why the user cannot read the file.
//
// Both results are "" if the owners, modes and types of the file and its directory are
// right, or if no fix is known, for example on a read-only file system.
func Repair(path, rerun string) (cause, command string) {
	at, info := nearest(path)
	switch {
	case info == nil:
		return "", ""
	case at != path && !info.IsDir() && info.Mode()&fs.ModeSymlink == 0:
		return at + " is not a directory", "mv " + hint.Arg(at) + " " + hint.Arg(at+".old")
	case at != path:
		return repairDir(at, rerun)
	case info.IsDir():
		return at + " is a directory", "rmdir " + hint.Arg(at)
	case rerun == "": // a write replaces the file, so only its directory matters
		if cause, command := repairFile(at); command != "" {
			return cause, command
		}
	}
	return repairDir(filepath.Dir(at), rerun)
}

// nearest returns path, or the lowest existing directory above it.
func nearest(path string) (string, fs.FileInfo) {
	for at := path; ; at = filepath.Dir(at) {
		if info, err := os.Lstat(at); err == nil {
			return at, info
		}
		if at == filepath.Dir(at) {
			return "", nil
		}
	}
}

func repairFile(path string) (cause, command string) {
	info, err := os.Stat(path)
	uid, ok := owner(info)
	switch me := os.Geteuid(); {
	case err != nil || !ok || me == 0:
	case int(uid) != me && highestForeign(path, me) != "":
		return belongs(path, uid), fmt.Sprintf("sudo chown %d %s", me, hint.Arg(path))
	case int(uid) == me && info.Mode().Perm()&0o600 != 0o600:
		return hasMode(path, info), "chmod u+rw " + hint.Arg(path)
	}
	return "", ""
}

func repairDir(dir, rerun string) (cause, command string) {
	info, err := os.Stat(dir)
	uid, ok := owner(info)
	switch me := os.Geteuid(); {
	case err != nil || !ok:
	case me == 0 && foreign(uid) && rerun != "":
		return belongs(dir, uid), fmt.Sprintf("sudo -u '#%d' %s", uid, rerun)
	case me != 0 && int(uid) != me:
		top := highestForeign(dir, me)
		info, err := os.Stat(top)
		if uid, ok := owner(info); err == nil && ok {
			return belongs(top, uid), fmt.Sprintf("sudo chown -R %d %s", me, hint.Arg(top))
		}
	case me != 0 && info.Mode().Perm()&0o700 != 0o700:
		return hasMode(dir, info), "chmod u+rwx " + hint.Arg(dir)
	}
	return "", ""
}

// highestForeign returns path or the directory above it whose parent directory belongs to
// this user: its owner was changed by mistake. It returns "" for another user's home or a
// system directory, which chown must not change.
func highestForeign(path string, me int) string {
	for at := path; at != filepath.Dir(at); at = filepath.Dir(at) {
		if ownsDirectory(at, uint32(me)) { //nolint:gosec // a user id
			return at
		}
	}
	return ""
}

func owner(info fs.FileInfo) (uid uint32, ok bool) {
	if info == nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Uid, true
}

func belongs(path string, uid uint32) string { return fmt.Sprintf("%s belongs to user %d", path, uid) }

func hasMode(path string, info fs.FileInfo) string {
	return fmt.Sprintf("%s has mode %04o", path, info.Mode().Perm())
}
