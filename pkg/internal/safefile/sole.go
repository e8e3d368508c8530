package safefile

import (
	"os"
	"path/filepath"
)

// CheckSole checks that only this user and root can change the content of path. It checks
// the file, its directory and, for a symbolic link, the link's directory. If a check
// fails, it returns a *NotTrustedError with the path to repair. For a missing file it
// checks the directory; a missing directory is not an error. On Windows it checks
// nothing, because access lists protect the files in the profile.
func CheckSole(path string) error {
	real, err := filepath.EvalSymlinks(path)
	switch {
	case missing(err):
		real = path
	case err != nil:
		return err
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(real)} {
		info, err := os.Stat(dir)
		if missing(err) {
			continue
		}
		if err != nil {
			return err
		}
		if bad := distrustSole(dir, info); bad != nil {
			return bad
		}
	}
	info, err := os.Stat(real)
	switch {
	case missing(err):
		return nil
	case err != nil:
		return err
	}
	if bad := distrustShared(real, info); bad != nil {
		return bad
	}
	return nil
}

// Inside reports whether path is the directory dir or is below it. It compares the file
// identities of the directories, not their names, because a name can be written in
// several ways (links, /proc, uppercase on macOS and Windows). If path does not exist,
// Inside uses the lowest existing directory above it.
func Inside(path, dir string) bool {
	top, err := os.Stat(dir)
	if err != nil {
		return false
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return true // only if the working directory is gone
	}
	for at := path; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			path = real
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	for {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, top) {
			return true
		}
		up := filepath.Dir(path)
		if up == path {
			return false
		}
		path = up
	}
}
