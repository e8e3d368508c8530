package safefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

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
	if err := os.Remove(path); !missing(err) {
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
	d, err := os.Open(dir)
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
