package safefile

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// Windows has no FIFO that a path in a profile could name, and O_NOFOLLOW is
// replaced by a look at the name.
const (
	openNonBlock = 0
	openNoFollow = 0
)

const (
	renamePatience = 2 * time.Second
	renamePause    = 20 * time.Millisecond
)

// distrustFile refuses links only: owner and mode are not what protects a file
// here, the access list inherited from the user's profile is.
func distrustFile(path string, _ fs.FileInfo) *NotTrustedError {
	if isLink(path) {
		return &NotTrustedError{Path: path, Why: "symbolic link"}
	}
	return nil
}

// distrustDir, distrustSole and distrustShared have nothing to check, for the reason given
// at distrustFile.
func distrustDir(string, fs.FileInfo) *NotTrustedError    { return nil }
func distrustSole(string, fs.FileInfo) *NotTrustedError   { return nil }
func distrustShared(string, fs.FileInfo) *NotTrustedError { return nil }

// setMode does nothing: the only bit Windows knows would make the file read-only.
func setMode(*os.File, fs.FileMode, fs.FileInfo) error { return nil }

// replace tries again for a while: a reader, a virus scanner or an indexer may
// have the old file open.
func replace(from, to string) error {
	for end := time.Now().Add(renamePatience); ; {
		err := os.Rename(from, to)
		held := errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
			errors.Is(err, windows.ERROR_SHARING_VIOLATION) ||
			errors.Is(err, windows.ERROR_LOCK_VIOLATION)
		if !held || time.Now().After(end) {
			return err
		}
		time.Sleep(renamePause) //nolint:forbidigo // two seconds at most; stopping between write and rename loses the file
	}
}

// syncDir does nothing: a directory cannot be flushed through its handle.
func syncDir(string) {}

// onlyRoots is about Unix's root.
func onlyRoots(string) error { return nil }

// Changed returns when the file at path was last written.
func Changed(path string) (time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
