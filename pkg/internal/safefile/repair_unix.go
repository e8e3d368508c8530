//go:build unix

package safefile

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Repair returns the command after which command can write the file at path; "" when
// no command is known, as on a read-only file system.
func Repair(path, command string) string {
	at := path
	info, err := os.Lstat(at)
	for ; err != nil; info, err = os.Lstat(at) { // down to the directory that is in the way
		if at == filepath.Dir(at) {
			return ""
		}
		at = filepath.Dir(at)
	}
	if at == path && info.IsDir() {
		return "rmdir " + hint.Arg(at)
	}
	if at != path && !info.IsDir() && info.Mode()&os.ModeSymlink == 0 {
		return "mv " + hint.Arg(at) + " " + hint.Arg(at+".old")
	}
	if at == path { // the file is replaced: its directory counts
		at = filepath.Dir(at)
	}
	if info, err = os.Stat(at); err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch me := os.Geteuid(); {
	case !ok:
		return ""
	case me == 0 && foreign(st.Uid):
		return fmt.Sprintf("sudo -u '#%d' %s", st.Uid, command)
	case me != 0 && int(st.Uid) != me:
		// The highest one that is not ours, in a directory that is: never /etc.
		for ; at != filepath.Dir(at); at = filepath.Dir(at) {
			if ownsDirectory(at, uint32(me)) {
				return fmt.Sprintf("sudo chown -R %d %s", me, hint.Arg(at))
			}
		}
	case me != 0 && info.Mode().Perm()&0o300 != 0o300:
		return "chmod u+rwx " + hint.Arg(at)
	}
	return ""
}
