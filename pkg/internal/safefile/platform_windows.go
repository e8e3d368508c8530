package safefile

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// On Windows, no path in a profile can be a FIFO, and isLink replaces O_NOFOLLOW.
const (
	openNonBlock = 0
	openNoFollow = 0
)

// Windows refuses to open, replace or remove a file if another process has it open with a
// conflicting sharing mode. The user's other programs (the AWS CLI, a virus scanner, an
// indexer) have a file open for some milliseconds.
const (
	busyTimeout    = 100 * time.Millisecond // for a read: the user is waiting
	replaceTimeout = 5 * time.Second        // for a write: a failure would lose its data
	busyPause      = 5 * time.Millisecond
)

// Busy reports whether err means that another process has the file open. Such a file is
// neither damaged nor missing.
func Busy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// retryWhileBusy calls try until another process no longer makes it fail, or until the
// time limit. Windows also denies access to a file that is about to be removed or
// replaced.
func retryWhileBusy(timeout time.Duration, try func() error) error {
	for end := time.Now().Add(timeout); ; {
		err := try()
		if !Busy(err) && !errors.Is(err, windows.ERROR_ACCESS_DENIED) || time.Now().After(end) {
			return err
		}
		time.Sleep(busyPause + rand.N(busyPause)) //nolint:forbidigo // limited; stopping between write and rename loses the file
	}
}

// openRead opens a file or directory. While it is open, other processes can replace and
// remove it. os.Open does not allow that.
func openRead(path string, _ int) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var h windows.Handle
	err = retryWhileBusy(busyTimeout, func() (err error) {
		h, err = windows.CreateFile(name, windows.GENERIC_READ, shareAll, nil, windows.OPEN_EXISTING,
			windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

const shareAll = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE

// distrustFile refuses only links. The access list inherited from the user's profile
// protects the file; its owner and mode do not.
func distrustFile(path string, _ fs.FileInfo) *NotTrustedError {
	if isLink(path) {
		return &NotTrustedError{Path: path, Why: "symbolic link"}
	}
	return nil
}

// distrustDir, distrustSole and distrustShared have nothing to check, for the reason
// given in distrustFile.
func distrustDir(string, fs.FileInfo) *NotTrustedError    { return nil }
func distrustSole(string, fs.FileInfo) *NotTrustedError   { return nil }
func distrustShared(string, fs.FileInfo) *NotTrustedError { return nil }

// setMode does nothing: the only mode bit on Windows would make the file read-only.
func setMode(*os.File, fs.FileMode, fs.FileInfo) error { return nil }

// replace renames like rename(2), which replaces a file that a process has open for
// reading. If the file system or the Windows version does not support that (FAT, before
// Windows 10 1607), replace waits for the reader.
func replace(from, to string) error {
	return retryWhileBusy(replaceTimeout, func() error {
		if renamePOSIX(from, to) == nil {
			return nil
		}
		return os.Rename(from, to) // MoveFileEx
	})
}

// renamePOSIX calls SetFileInformationByHandle with FILE_RENAME_INFO (Windows, winbase.h).
func renamePOSIX(from, to string) error {
	fromName, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	toName, err := windows.UTF16FromString(to)
	if err != nil {
		return err
	}
	h, err := windows.CreateFile(fromName, windows.DELETE|windows.SYNCHRONIZE, shareAll, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	type renameInfo struct {
		flags      uint32
		root       windows.Handle
		nameLength uint32 // in bytes, without the final zero
		name       [1]uint16
	}
	var layout renameInfo
	start := unsafe.Offsetof(layout.name)
	buffer := make([]uintptr, (start+2*uintptr(len(toName)))/unsafe.Sizeof(uintptr(0))+1) // aligned
	info := (*renameInfo)(unsafe.Pointer(&buffer[0]))                                     //nolint:gosec // the buffer is large enough and aligned
	info.flags = windows.FILE_RENAME_REPLACE_IF_EXISTS | windows.FILE_RENAME_POSIX_SEMANTICS
	info.nameLength = uint32(2 * (len(toName) - 1))                                                       //nolint:gosec // Windows limits a path to 32,767 characters
	copy(unsafe.Slice(&info.name[0], len(toName)), toName)                                                //nolint:gosec // the buffer has room for toName
	return windows.SetFileInformationByHandle(h, windows.FileRenameInfoEx, (*byte)(unsafe.Pointer(info)), //nolint:gosec // the bytes of info
		uint32(start)+uint32(2*len(toName))) //nolint:gosec // see nameLength
}

// remove waits for a process that has the file open.
func remove(path string) error {
	return retryWhileBusy(busyTimeout, func() error { return os.Remove(path) })
}

// syncDir does nothing: a directory cannot be flushed through its handle.
func syncDir(string) {}

// checkRootPath does nothing: it applies only to root on Unix.
func checkRootPath(string) error { return nil }

// Changed returns the time of the last write to the file at path.
func Changed(path string) (time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// Repair returns "": no single command fixes an access list.
func Repair(_, _ string) (cause, command string) { return "", "" }
