//go:build unix

package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

const (
	openNonBlock = unix.O_NONBLOCK
	openNoFollow = unix.O_NOFOLLOW
)

// distrustFile reports why users other than this one may have access to a file; nil if
// only this user has.
func distrustFile(path string, info fs.FileInfo) *NotTrustedError {
	if bad := distrust(path, info, 0o077, isMe); bad != nil {
		return bad
	}
	if st := info.Sys().(*syscall.Stat_t); st.Nlink > 1 {
		return &NotTrustedError{Path: path, Why: fmt.Sprintf("%d hard links", st.Nlink)}
	}
	return nil
}

// distrustDir reports why other users may be able to write to a directory; nil if they
// cannot.
func distrustDir(path string, info fs.FileInfo) *NotTrustedError {
	return distrust(path, info, 0o022, isMe)
}

func isMe(uid uint32) bool { return int(uid) == os.Geteuid() }

// distrust checks the owner and the mode. The mode must have none of the forbidden bits.
func distrust(path string, info fs.FileInfo, forbidden fs.FileMode, mayOwn func(uid uint32) bool) *NotTrustedError {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return &NotTrustedError{Path: path, Why: "owner unknown"}
	case !mayOwn(st.Uid):
		return &NotTrustedError{Path: path, Why: fmt.Sprintf("owned by user %d", st.Uid), Owner: true}
	case info.Mode().Perm()&forbidden != 0:
		return &NotTrustedError{Path: path, Why: fmt.Sprintf("mode %04o", info.Mode().Perm())}
	}
	return nil
}

// setMode gives f the mode and owner of old. If old is nil, it sets the mode perm.
func setMode(f *os.File, perm fs.FileMode, old fs.FileInfo) error {
	if old == nil {
		return f.Chmod(perm)
	}
	perm = old.Mode().Perm()
	if st, ok := old.Sys().(*syscall.Stat_t); ok && !sameOwner(f, st) {
		if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
			// Remove the group's permissions, because the file now has another group.
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

// Changed returns the latest of the file's mtime and ctime, after following links, and the
// ctimes of links at path, its directory and that one's directory. ctime also changes when a
// tool resets mtime or moves the file to path. A link can be replaced by one to an old file.
func Changed(path string) (time.Time, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return time.Time{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	latest := time.Unix(st.Mtim.Unix())
	consider := func(ctime unix.Timespec) {
		if t := time.Unix(ctime.Unix()); t.After(latest) {
			latest = t
		}
	}
	consider(st.Ctim)
	for part, i := path, 0; i < 3; part, i = filepath.Dir(part), i+1 {
		if unix.Lstat(part, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
			consider(st.Ctim)
		}
	}
	return latest, nil
}

// Busy is always false: Unix can open and replace a file that another process has open.
func Busy(error) bool { return false }

// openRead opens a file or directory for reading.
func openRead(path string, flags int) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|openNonBlock|flags, 0)
}

func replace(from, to string) error { return os.Rename(from, to) }

func remove(path string) error { return os.Remove(path) }

// syncDir makes a rename durable, if the file system supports that.
func syncDir(path string) {
	d, err := os.Open(path)
	if err != nil {
		return
	}
	_ = d.Sync()
	_ = d.Close()
}

// maxLinks limits the links in one path.
const maxLinks = 40

// checkRootPath returns an error if this process runs as root and another user can change the
// path. That is so if a part of the path belongs to another user, or is a link in a
// directory that other users can write to. Otherwise root could write to a place that the
// other user selected, or create files that the other user cannot change (sudo may keep
// HOME). checkRootPath checks only the existing parts of the path. For users other than root,
// the file system's permissions are enough.
//
// It checks the parts from / downward: in a directory that only root can change, no other
// user can replace the next part after the check.
func checkRootPath(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	shared := false // other users can write to the parent directory of at
	at, rest := "/", strings.Split(path, "/")
	for links := 0; ; {
		info, err := os.Lstat(at)
		switch {
		case missing(err):
			return nil
		case err != nil:
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || foreign(st.Uid) {
			return &NotTrustedError{Path: at, Why: fmt.Sprintf("owned by user %d, but this process runs as root", st.Uid), Owner: true}
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if links++; shared || links > maxLinks {
				return &NotTrustedError{Path: at, Why: "symbolic link"}
			}
			to, err := os.Readlink(at)
			if err != nil {
				return err
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(at), to)
			}
			at, rest, shared = "/", append(strings.Split(to, "/"), rest...), false
			continue
		}
		shared = info.Mode().Perm()&0o002 != 0
		for len(rest) > 0 && rest[0] == "" {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return nil
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}

// foreign reports whether a user is not root. In a user namespace that does not map the
// system's root (rootless containers, `podman unshare`), the system's root has the
// overflow user ID and owns the directories above the home directory.
func foreign(uid uint32) bool { return uid != 0 && uid != unmappedRoot() }

// unmappedRoot returns the user ID of the system's root in this user namespace, or 0 if
// it is the usual one.
var unmappedRoot = sync.OnceValue(func() uint32 {
	maps, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return 0
	}
	// "inside outside count": if the namespace's root is the system's root, outside is 0.
	if fields := strings.Fields(string(maps)); len(fields) < 3 || fields[0] == "0" && fields[1] == "0" {
		return 0
	}
	text, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil {
		return 0
	}
	uid, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	return uint32(uid)
})

// distrustShared checks a file that several programs of this user write. It reports why
// another user may have written it: the owner, or a mode that lets other users change it.
// Files owned by root are trusted. Root also trusts the owner of the file's directory,
// because it uses that user's home (sudo, or a container with ~/.aws mounted).
func distrustShared(path string, info fs.FileInfo) *NotTrustedError {
	return distrust(path, info, 0o022, func(uid uint32) bool {
		return isMe(uid) || uid == 0 || os.Geteuid() == 0 && ownsDirectory(path, uid)
	})
}

func ownsDirectory(path string, uid uint32) bool {
	info, err := os.Lstat(filepath.Dir(path))
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == uid
}

// distrustSole reports what is wrong with a directory in which only this user and root
// should be able to replace files. For root, any owner is accepted: root uses that user's
// home (sudo), and distrustShared checks that the file has the same owner.
func distrustSole(path string, info fs.FileInfo) *NotTrustedError {
	return distrust(path, info, 0o022, func(uid uint32) bool { return isMe(uid) || uid == 0 || os.Geteuid() == 0 })
}

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
	case at != path && info.Mode()&fs.ModeSymlink != 0:
		if target, err := os.Stat(at); missing(err) {
			return at + " is a symbolic link to a directory that does not exist", moveAway(at)
		} else if err == nil && !target.IsDir() {
			return at + " is a symbolic link to a file", moveAway(at)
		}
		return repairDir(at, rerun)
	case at != path && !info.IsDir():
		return at + " is not a directory", moveAway(at)
	case at != path:
		return repairDir(at, rerun)
	case info.IsDir():
		if entries, err := os.ReadDir(at); err == nil && len(entries) > 0 {
			return at + " is a directory", moveAway(at)
		}
		return at + " is a directory", "rmdir " + hint.Arg(at)
	case rerun == "": // a write replaces the file, so only its directory matters
		if cause, command := repairFile(at); command != "" {
			return cause, command
		}
	}
	return repairDir(filepath.Dir(at), rerun)
}

// moveAway is the command that frees a path without deleting anything.
func moveAway(path string) string { return "mv " + hint.Arg(path) + " " + hint.Arg(path+".old") }

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
