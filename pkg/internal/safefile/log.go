package safefile

import (
	"os"
)

// OpenLog opens a file of ours to append to, 0600 and made if it does not exist. A
// symbolic link and a file of another user are refused; one that others can open is
// made the user's alone first. A terminal or another device is taken as it is.
func OpenLog(path string) (*os.File, error) {
	if err := onlyRoots(path); err != nil {
		return nil, err
	}
	if isLink(path) {
		return nil, &NotTrustedError{Path: path, Why: "symbolic link"}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|openNonBlock|openNoFollow, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = f.Chmod(info.Mode().Perm() & 0o700)
		if info, statErr := f.Stat(); err == nil && statErr == nil {
			if bad := distrustFile(path, info); bad != nil {
				err = bad
			}
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
