package safefile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

const (
	// lockPoll is short compared to the holder's network call and long compared to the
	// system call of one attempt.
	lockPoll = 10 * time.Millisecond
	// tryTimeout limits one attempt. An attempt does not wait for the lock holder, so a
	// slower one means that the file system is unresponsive. An attempt takes microseconds,
	// or up to a second on a machine with a thousand processes.
	tryTimeout = 3 * time.Second
	// unresponsiveFor is the time without further attempts on an unresponsive file system.
	// Each attempt costs tryTimeout and a blocked thread. The file system may work again
	// later.
	unresponsiveFor = 10 * time.Minute
	// lockGrace is how long an attempt may continue after the wait ended.
	lockGrace = 250 * time.Millisecond
)

// unresponsive maps a directory to the time of the last attempt that did not return.
var unresponsive sync.Map

var errUnresponsive = errors.New("the file system does not respond")

// Held is a lock that this process holds. The operating system releases it when the
// process ends.
type Held struct {
	lock *flock.Flock
	with *Held // released together, or nil
}

// Lock takes an exclusive lock on the file at path. It creates the file (0600, in a
// directory of mode 0700) if it does not exist. The lock also excludes other callers in
// the same process. Lock tries about every 10 ms until ctx ends, and at least once.
//
// Errors: ErrLockBusy, wrapping the context's cause, if the wait ended;
// ErrLockUnavailable, with the cause, if the file cannot be locked or the file system
// does not respond within three seconds.
//
// The file is not removed. Otherwise one process could lock the old file while another
// process locks a new file.
func Lock(ctx context.Context, path string) (*Held, error) {
	if err := EnsureDir(filepath.Dir(path)); err != nil {
		return nil, unavailable(path, err)
	}
	return lockAt(ctx, path)
}

// LockNextTo takes a lock on a file next to path. It is for callers without a lock
// directory. The directory of path must exist and may belong to another program. The
// errors are those of Lock.
func LockNextTo(ctx context.Context, path string) (*Held, error) {
	dir, name := filepath.Split(path)
	path = filepath.Join(dir, "."+hint.Program+"-"+name+".lock")
	if err := checkRootPath(path); err != nil {
		return nil, unavailable(path, err)
	}
	return lockAt(ctx, path)
}

func lockAt(ctx context.Context, path string) (*Held, error) {
	dir := filepath.Dir(path)
	if since, ok := unresponsive.Load(dir); ok && time.Since(since.(time.Time)) < unresponsiveFor {
		return nil, unavailable(path, errUnresponsive)
	}
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|openNonBlock|openNoFollow), flock.SetPermissions(0o600))
	for {
		ok, err := try(ctx, lock)
		switch {
		case errors.Is(err, errUnresponsive):
			if ctx.Err() == nil { // otherwise the caller had little time, and the attempt may only be slow
				unresponsive.Store(dir, time.Now())
			}
			return nil, unavailable(path, err)
		case err != nil && !errors.Is(err, syscall.EINTR) && !Busy(err):
			return nil, unavailable(path, err)
		case ok && current(lock, path):
			return &Held{lock: lock}, nil
		case ok:
			// The file was removed before it was locked, so this lock excludes no other
			// process.
			_ = lock.Unlock()
		}
		select {
		case <-ctx.Done():
			return nil, busy(ctx, path)
		case <-time.After(lockPoll + rand.N(lockPoll/2)):
		}
	}
}

// try makes one attempt, with a timeout: on a network file system the system call may
// never return.
func try(ctx context.Context, lock *flock.Flock) (bool, error) {
	type outcome struct {
		ok  bool
		err error
	}
	done := make(chan outcome, 1)
	crash.Go(func() {
		ok, err := lock.TryLock()
		done <- outcome{ok, err}
	})
	late := time.NewTimer(tryTimeout)
	defer late.Stop()
	select {
	case o := <-done:
		return o.ok, o.err
	case <-late.C:
	case <-ctx.Done():
	}
	select {
	case o := <-done:
		return o.ok, o.err
	case <-time.After(lockGrace):
		crash.Go(func() { <-done; _ = lock.Unlock() })
		return false, errUnresponsive
	}
}

// current reports whether path still names the locked file.
func current(lock *flock.Flock, path string) bool {
	mine, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, named)
}

// Remove deletes the lock file while it is locked and then unlocks it. A process waiting
// for the lock detects the deletion and creates a new file. On a nil Held, Remove does
// nothing.
func (h *Held) Remove() {
	if h != nil {
		_ = os.Remove(h.lock.Path())
	}
	h.Unlock()
}

// Unlock releases the lock. A second call does nothing. Unlock also does nothing on a nil
// Held, so callers without a lock can call it too.
func (h *Held) Unlock() {
	if h != nil {
		_ = h.lock.Unlock()
		h.with.Unlock()
	}
}

// And returns a lock whose Unlock releases h and other. other may be nil.
func (h *Held) And(other *Held) *Held { return &Held{h.lock, other} }

func busy(ctx context.Context, path string) error {
	return fmt.Errorf("%s: %w: %w", path, ErrLockBusy, context.Cause(ctx))
}

func unavailable(path string, err error) error {
	return fmt.Errorf("%s: %w: %w", path, ErrLockUnavailable, hint.WithoutPath(err))
}

// Note is a small JSON file next to a lock, which one holder of the lock writes for the next
// ones. It may disappear at any time. "" is no note: without a lock, there is no directory
// for it.
type Note string

// maxNote limits a note, in bytes.
const maxNote = 4 << 10

// NoteAt returns the note of a kind next to the lock at lockPath, or "" if lockPath is "".
func NoteAt(lockPath, kind string) Note {
	if lockPath == "" {
		return ""
	}
	return Note(lockPath + "." + kind)
}

// Read reads the note into v. It reports whether there is a valid note.
func (n Note) Read(v any) bool {
	if n == "" {
		return false
	}
	data, err := ReadOwn(string(n), maxNote)
	return err == nil && json.Unmarshal(data, v) == nil
}

// Write replaces the note.
func (n Note) Write(v any) error {
	if n == "" {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return WriteOwn(string(n), data)
}

// Remove removes the note.
func (n Note) Remove() {
	if n != "" {
		_ = os.Remove(string(n))
	}
}
