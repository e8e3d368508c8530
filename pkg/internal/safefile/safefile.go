// Package safefile owns how this program touches files that hold secrets:
// bounded reads that cannot hang, atomic writes that are 0600 from the first
// byte, and advisory locks.
//
// It never looks inside a file, never changes the mode of a file or directory
// that somebody else made, and never removes a lock file. It may import the
// standard library, gofrs/flock, golang.org/x/sys and floor 0 (floor 1). Every room
// that reads, writes or locks a file calls it, those that own a format before all.
package safefile

import "errors"

// NotTrustedError says what is wrong with a file or directory. It matches
// ErrNotTrusted.
type NotTrustedError struct {
	Path, Why string
	Owner     bool // the owner is wrong, not the mode
}

// Error names the path and the reason.
func (e *NotTrustedError) Error() string { return e.Path + ": " + ErrNotTrusted.Error() + ": " + e.Why }

// Is matches ErrNotTrusted.
func (e *NotTrustedError) Is(target error) bool { return target == ErrNotTrusted }

// What Read and ReadOwn refuse, and why a lock was not taken; all for
// errors.Is. Whatever else the operating system says passes through.
var (
	// ErrTooLarge: the file is longer than the caller allows.
	ErrTooLarge = errors.New("larger than allowed")
	// ErrNotRegular: a directory, FIFO, socket or device where a file should be.
	ErrNotRegular = errors.New("not a regular file")
	// ErrNotTrusted: a file or directory of ours that somebody else owns, can
	// open or may have planted.
	ErrNotTrusted = errors.New("not trusted")
	// ErrLockBusy: somebody held the lock until the wait ended.
	ErrLockBusy = errors.New("lock is held by another process")
	// ErrLockUnavailable: no lock can be had here (file system without locks,
	// read-only or foreign directory): go on without one.
	ErrLockUnavailable = errors.New("locking is not available")
)
