package safefile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Write atomically replaces the content of path with data: a reader gets either the old
// or the new content, even after a crash.
//
// A new file gets mode perm, regardless of the umask. An existing file keeps its mode
// and, if the system allows it, its owner. If path is a symbolic link, Write replaces the
// link's target. The directory must exist. After an error, the old content is unchanged
// and no temporary file remains. Write also removes temporary files that killed processes
// left there more than an hour ago.
func Write(path string, data []byte, perm fs.FileMode) error {
	p, err := newPending(path, perm)
	if err != nil {
		return err
	}
	return p.Commit(data)
}

// WriteOwn is Write for files that ReadOwn reads. It always creates a new file with mode
// 0600, which replaces an untrusted file or a symbolic link. Like WriteCache, it does not
// wait for the disk.
func WriteOwn(path string, data []byte) error {
	if err := checkRootPath(filepath.Dir(path)); err != nil {
		return err
	}
	p, err := create(path, path)
	if err != nil {
		return err
	}
	p.own, p.perm, p.cache = true, 0o600, true
	return p.Commit(data)
}

// ErrOutdated: the content became invalid before it was written.
var ErrOutdated = errors.New("no longer wanted")

// WriteCache is Write for content that can be fetched again and whose reader detects
// damage. It does not wait for the disk, which would take 5 to 20 ms, so a power failure
// may damage the content.
//
// If still is not nil, WriteCache calls it after writing the temporary file and before
// renaming it. If still returns false, WriteCache does not replace the file and returns
// ErrOutdated. The file's modification time is therefore never later than the last time
// at which the content was valid.
func WriteCache(path string, data []byte, perm fs.FileMode, still func() bool) error {
	p, err := newPending(path, perm)
	if err != nil {
		return err
	}
	p.cache, p.still = true, still
	return p.Commit(data)
}

// Pending is a replacement with reserved disk space that is not yet visible. End it with
// Commit or Abort.
type Pending struct {
	path, target, temp string
	perm               fs.FileMode
	own, cache         bool
	still              func() bool // nil: always valid
	file               *os.File    // nil after Commit or Abort
}

// Reserve prepares a Write of about size bytes: it creates a temporary file of that size
// and syncs it. Use it before an action that cannot be undone, such as using a single-use
// refresh token. It ensures that the new token can be saved.
func Reserve(path string, size int, perm fs.FileMode) (*Pending, error) {
	p, err := newPending(path, perm)
	if err != nil {
		return nil, err
	}
	// Use random bytes, because a file system may not allocate blocks for zeros.
	filler := make([]byte, size)
	_, _ = rand.Read(filler)
	_, err = p.file.Write(filler)
	if err == nil {
		err = p.file.Sync()
	}
	if err != nil {
		p.Abort()
		return nil, fmt.Errorf("%s: %w", path, hint.WithoutPath(err))
	}
	return p, nil
}

// Commit replaces the content of the file with data. After an error, the old content is
// unchanged and the temporary file is removed.
func (p *Pending) Commit(data []byte) error {
	if p.file == nil {
		return fmt.Errorf("%s: %w", p.path, fs.ErrClosed)
	}
	if err := p.commit(data); err != nil {
		p.Abort()
		return fmt.Errorf("%s: %w", p.path, hint.WithoutPath(err))
	}
	p.file = nil
	return nil
}

func (p *Pending) commit(data []byte) error {
	if _, err := p.file.WriteAt(data, 0); err != nil {
		return err
	}
	if err := p.file.Truncate(int64(len(data))); err != nil {
		return err
	}
	if err := p.setMode(); err != nil {
		return err
	}
	if !p.cache {
		if err := p.file.Sync(); err != nil {
			return err
		}
	}
	if p.still != nil && !p.still() {
		return ErrOutdated
	}
	// Windows cannot rename an open file.
	if err := p.file.Close(); err != nil {
		return err
	}
	if err := replace(p.temp, p.target); err != nil {
		return err
	}
	if !p.cache {
		// The new content is in place, so a sync error is ignored.
		syncDir(filepath.Dir(p.target))
	}
	return nil
}

// setMode reads the mode of the file to replace as late as possible.
func (p *Pending) setMode() error {
	if p.own {
		return setMode(p.file, p.perm, nil)
	}
	old, err := existing(p.target)
	if err != nil {
		return err
	}
	return setMode(p.file, p.perm, old)
}

// Abort removes the temporary file and leaves the file unchanged. It does nothing after
// Commit or on a nil Pending, so callers can defer it.
func (p *Pending) Abort() {
	if p == nil || p.file == nil {
		return
	}
	_ = p.file.Close()
	_ = remove(p.temp)
	p.file = nil
}

// CheckWritable returns the reason why a Write of about size bytes would fail, after its
// directory has been created, if that can be detected in advance. It creates and removes a
// temporary file in that directory, or in the nearest existing parent directory.
func CheckWritable(path string, size int) error {
	dir := filepath.Dir(path)
	for {
		_, err := os.Stat(dir)
		if err == nil || dir == filepath.Dir(dir) {
			break
		}
		if !missing(err) {
			return err
		}
		if isLink(dir) {
			return fmt.Errorf("%s is a symbolic link to a directory that does not exist", dir)
		}
		dir = filepath.Dir(dir)
	}
	place, err := Reserve(filepath.Join(dir, filepath.Base(path)), size, 0o600)
	place.Abort()
	if cause := errors.Unwrap(err); cause != nil && dir != filepath.Dir(path) {
		return fmt.Errorf("%s: %w", dir, cause)
	}
	return err
}

func newPending(path string, perm fs.FileMode) (*Pending, error) {
	if err := checkRootPath(path); err != nil {
		return nil, err
	}
	end, err := target(path)
	if err != nil {
		return nil, err
	}
	if _, err := existing(end); err != nil {
		return nil, fmt.Errorf("%s: %w", path, hint.WithoutPath(err))
	}
	p, err := create(path, end)
	if err != nil {
		return nil, err
	}
	p.perm = perm.Perm()
	// Killed processes' temporary files may contain secrets, and nothing else removes them.
	Sweep(filepath.Dir(end), time.Now().Add(-OrphanAge))
	return p, nil
}

// create makes the temporary file in the target's directory: a rename needs the same file
// system, and other users could interfere in a shared directory.
func create(path, end string) (*Pending, error) {
	var random [8]byte
	_, _ = rand.Read(random[:])
	temp := filepath.Join(filepath.Dir(end), tempPrefix+hex.EncodeToString(random[:]))
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL|openNoFollow, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, hint.WithoutPath(err))
	}
	return &Pending{path: path, target: end, temp: temp, file: f}, nil
}

// existing returns the file to be replaced; nil if it does not exist.
func existing(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	switch {
	case missing(err):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, ErrNotRegular
	}
	return info, nil
}

// EnsureDir creates path and its missing parents with mode 0700, and then calls CheckDir.
// It does not change an existing directory. As root it creates nothing in another user's
// directory (ErrNotTrusted): with sudo, HOME may be that user's home, and the user could
// then not write there.
func EnsureDir(path string) error {
	if err := MakeDir(path); err != nil {
		return err
	}
	return CheckDir(path)
}

// MakeDir creates path and its missing parents with mode 0700. It is for directories of
// other programs, which it does not check. As root it creates nothing in a path that
// another user can change (see checkRootPath).
func MakeDir(path string) error {
	if err := checkRootPath(path); err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return checkRootPath(path) // in a shared directory, another user may have created a part of the path
}

// Remove deletes the file or symbolic link at path. A missing file is not an error. For
// root, the same rule applies as in MakeDir.
func Remove(path string) error {
	if err := checkRootPath(filepath.Dir(path)); err != nil {
		return err
	}
	if err := remove(path); !missing(err) {
		return err
	}
	return nil
}

// CheckDir returns ErrNotTrusted if path is not a directory of the effective user or if
// other users can write to it. It also returns the error of stat. It follows links. On
// Windows it checks only that path is a directory.
func CheckDir(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &NotTrustedError{Path: path, Why: "not a directory"}
	}
	if err := distrustDir(path, info); err != nil {
		return err
	}
	return checkRootPath(path)
}

// tempPrefix starts the name of each temporary file. It includes the program's name, so
// Sweep does not remove other programs' files in the same directory.
const tempPrefix = ".tmp-docker-credential-ecr-sso-"

// tempName reports whether name is that of a temporary file of this package: the prefix
// and 16 random hex digits.
func tempName(name string) bool {
	digits, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(digits) == 16 && strings.Trim(digits, "0123456789abcdef") == ""
}

// OrphanAge is the age at which a temporary file is no longer in use. A write takes much
// less time.
const OrphanAge = time.Hour

// sweepLimit limits the number of files that one Sweep checks, because a pull may wait
// for it.
const sweepLimit = 20_000

// Sweep removes this package's temporary files in dir that were last written before
// olderThan. Killed processes leave such files. Sweep skips files that it cannot remove.
func Sweep(dir string, olderThan time.Time) {
	if checkRootPath(dir) != nil {
		return
	}
	d, err := openRead(dir, 0)
	if err != nil {
		return
	}
	defer d.Close()
	// If ReadDir fails, it also returns the names that it had read before.
	names, _ := d.Readdirnames(sweepLimit)
	for _, name := range names {
		if !tempName(name) {
			continue
		}
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && info.ModTime().Before(olderThan) {
			_ = os.Remove(path)
		}
	}
}

// target returns the file that a write to path replaces: path itself, or the file at the
// end of its chain of links. That file may not exist.
func target(path string) (string, error) {
	for range 40 {
		info, err := os.Lstat(path)
		if missing(err) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		if end, err := filepath.EvalSymlinks(path); !missing(err) {
			return end, err
		}
		// The end of the chain is missing: follow the links one by one.
		next, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", fmt.Errorf("%s: too many links", path)
}

// ExplainWrite takes the error of a write to path, and adds the result of WriteFix.
func ExplainWrite(path string, err error) error {
	if command, cause := WriteFix(path, err); command != "" {
		return hint.With(cause, command)
	}
	return err
}

// WriteFix returns the command that fixes or shows the cause of a failed write to path: a
// read-only mount, or a file system without free space. cause is err with the mount. For
// other errors, the command is "".
func WriteFix(path string, err error) (command string, cause error) {
	switch {
	case errors.Is(err, syscall.EROFS):
		mount, command := readOnlyMount(path)
		if command != "" {
			err = fmt.Errorf("%w (%s is mounted read-only)", err, mount)
		}
		return command, err
	case errors.Is(err, syscall.ENOSPC):
		return freeSpace(path), err
	}
	return "", err
}
