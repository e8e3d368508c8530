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
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Write replaces the content of path by data, so that every reader, and a
// crash at any moment, finds the old content or the new one, never a mixture.
//
// A new file gets perm, whatever the umask is; an existing one keeps its mode
// and, where the system allows it, its owner. A symbolic link stays, and the
// file it leads to is replaced. The directory must exist. On an error the old
// content is untouched and no temporary file remains; one that a killed process left
// there more than an hour ago is cleared away.
func Write(path string, data []byte, perm fs.FileMode) error {
	p, err := newPending(path, perm)
	if err != nil {
		return err
	}
	return p.Commit(data)
}

// WriteOwn is Write for files that ReadOwn reads: whatever bears the name is
// replaced by a new file of mode 0600, a link itself and not what it leads to,
// so that an untrusted file is healed. Like WriteCache, it does not wait for the
// disk.
func WriteOwn(path string, data []byte) error {
	if err := onlyRoots(filepath.Dir(path)); err != nil {
		return err
	}
	p, err := create(path, path)
	if err != nil {
		return err
	}
	p.own, p.perm, p.cache = true, 0o600, true
	return p.Commit(data)
}

// ErrOutdated: what was to be written was no longer wanted.
var ErrOutdated = errors.New("no longer wanted")

// WriteCache is Write for what can be fetched again and is recognised when it is
// damaged. A killed process leaves the old content or the new one, as always; but
// nothing waits for the disk, which takes 5 to 20 ms that a person would wait, so
// a power cut may leave anything.
//
// still, if not nil, is asked when the content is on the disk and the file is
// about to take its name; if it says no, the error is ErrOutdated. So the file's
// date is never later than the last moment at which the content was wanted.
func WriteCache(path string, data []byte, perm fs.FileMode, still func() bool) error {
	p, err := newPending(path, perm)
	if err != nil {
		return err
	}
	p.cache, p.still = true, still
	return p.Commit(data)
}

// Pending is a replacement that has its space on disk and is not yet visible.
// End it with Commit or Abort.
type Pending struct {
	path, target, temp string
	perm               fs.FileMode
	own, cache         bool
	still              func() bool // nil: always
	file               *os.File    // nil once it has ended
}

// Reserve prepares a Write of about size bytes as far as it can be done
// without knowing them: the temporary file exists, is full and synced. Use it
// before something that cannot be undone, such as spending a single-use refresh
// token whose successor must find a place.
func Reserve(path string, size int, perm fs.FileMode) (*Pending, error) {
	p, err := newPending(path, perm)
	if err != nil {
		return nil, err
	}
	// Random, because a file system may store a run of zeros without any block.
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

// Commit makes data the content of the file. After an error the old content is
// in place and the temporary file is gone.
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
	// Windows does not rename an open file.
	if err := p.file.Close(); err != nil {
		return err
	}
	if err := replace(p.temp, p.target); err != nil {
		return err
	}
	if !p.cache {
		// The new content is in place: a failing sync must not report otherwise.
		syncDir(filepath.Dir(p.target))
	}
	return nil
}

// setMode looks at the file being replaced as late as it can.
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

// Abort gives the reservation up and leaves the file as it is. After Commit,
// or on a nil Pending, it does nothing: it can be deferred.
func (p *Pending) Abort() {
	if p == nil || p.file == nil {
		return
	}
	_ = p.file.Close()
	_ = remove(p.temp)
	p.file = nil
}

func newPending(path string, perm fs.FileMode) (*Pending, error) {
	if err := onlyRoots(path); err != nil {
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
	// What a killed process left here may hold secrets, and nothing else comes by.
	Sweep(filepath.Dir(end), time.Now().Add(-OrphanAge))
	return p, nil
}

// create opens the temporary file beside the target: a rename needs one file
// system, and a directory for all is where others could wait for the name.
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

// existing describes the file to be replaced, nil if there is none.
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

// EnsureDir makes path, and the parents it lacks, with mode 0700, and then
// holds it to what CheckDir asks. A directory that exists is never changed. Root
// makes nothing in another user's directory (ErrNotTrusted): sudo keeps HOME at
// times, and the user would be locked out.
func EnsureDir(path string) error {
	if err := MakeDir(path); err != nil {
		return err
	}
	return CheckDir(path)
}

// MakeDir makes path, and the parents it lacks, with mode 0700. It is for the
// directories of the user's other programs, which are taken as they are. Root
// makes nothing on a path that another user has a hand in (see onlyRoots).
func MakeDir(path string) error {
	if err := onlyRoots(path); err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return onlyRoots(path) // in a directory that others write to, a step may be new and not ours
}

// Remove deletes the file at path, a link itself and not what it leads to. A file
// that does not exist is no error. For root the path is held to what MakeDir asks.
func Remove(path string) error {
	if err := onlyRoots(filepath.Dir(path)); err != nil {
		return err
	}
	if err := remove(path); !missing(err) {
		return err
	}
	return nil
}

// CheckDir tells whether path is a directory of the effective user that nobody
// else can write to; if not: ErrNotTrusted, or the error of stat. A link to
// such a directory is one. On Windows it only has to be a directory.
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
	return onlyRoots(path)
}

// tempPrefix begins the name of each temporary file. It holds the program's name:
// other programs write in the same directories, and Sweep must not take theirs.
const tempPrefix = ".tmp-docker-credential-ecr-sso-"

// tempName reports whether a file is called as temporary files of this package
// are: the prefix and 16 random hex digits.
func tempName(name string) bool {
	digits, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(digits) == 16 && strings.Trim(digits, "0123456789abcdef") == ""
}

// OrphanAge is when a temporary file is nobody's any more: far above the time that a
// write takes.
const OrphanAge = time.Hour

// sweepLimit bounds what one Sweep looks at: it runs beside a person's pull.
const sweepLimit = 20_000

// Sweep removes temporary files of this package that a killed process left in
// dir, if they were last written before olderThan. Others' files stay. It is
// housekeeping: what cannot be removed is left for the next time.
func Sweep(dir string, olderThan time.Time) {
	if onlyRoots(dir) != nil {
		return
	}
	d, err := openRead(dir, 0)
	if err != nil {
		return
	}
	defer d.Close()
	// An error still comes with the names read before it.
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

// target is the file that a write to path replaces: path itself, or what its
// chain of links ends in, which need not exist yet.
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
		// The end is missing: go on link by link.
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
