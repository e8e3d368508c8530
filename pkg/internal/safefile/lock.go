package safefile

import (
	"context"
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
	// lockPoll is short against the network call that a holder makes, and long
	// against the system call that a try costs.
	lockPoll = 10 * time.Millisecond
	// asleepAfter is when a try, which never waits for a holder, counts as asleep
	// in a file system that does not answer. A try takes microseconds, and on a
	// machine with a thousand processes a second.
	asleepAfter = 3 * time.Second
	// asleepFor is how long nobody asks there again: it would cost the same time, and
	// a thread that sleeps on. A program that lives on may see the file system mended.
	asleepFor = 10 * time.Minute
	// lockGrace is what a try under way may still take after the wait ended.
	lockGrace = 250 * time.Millisecond
)

// asleep holds the directories in which a try fell asleep, and when.
var asleep sync.Map

var errAsleep = errors.New("the file system does not answer")

// Held is a lock that was taken. The system drops it when the process ends,
// however that happens.
type Held struct{ lock *flock.Flock }

// Lock takes an exclusive lock on the file at path, which it makes (0600, in a
// directory of 0700) if it must; two callers in one process exclude each other
// too. It asks about every 10 ms until ctx ends, and at least once.
//
// Errors: ErrLockBusy if the wait ended (the context's cause is wrapped too);
// ErrLockUnavailable with the cause if no lock can be had at all, which a file
// system that sleeps over the question shows after three seconds.
//
// The file stays for ever: whoever removed it would let one process lock the
// old file and another the new one.
func Lock(ctx context.Context, path string) (*Held, error) {
	if err := EnsureDir(filepath.Dir(path)); err != nil {
		return nil, unavailable(path, err)
	}
	return lockAt(ctx, path)
}

// LockBeside takes a lock on a file of ours next to path, for a program that has no
// directory for its locks. The directory has to exist and may be another
// program's. The errors are those of Lock.
func LockBeside(ctx context.Context, path string) (*Held, error) {
	dir, name := filepath.Split(path)
	path = filepath.Join(dir, "."+hint.Program+"-"+name+".lock")
	if err := onlyRoots(path); err != nil {
		return nil, unavailable(path, err)
	}
	return lockAt(ctx, path)
}

func lockAt(ctx context.Context, path string) (*Held, error) {
	dir := filepath.Dir(path)
	if since, ok := asleep.Load(dir); ok && time.Since(since.(time.Time)) < asleepFor {
		return nil, unavailable(path, errAsleep)
	}
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|openNonBlock|openNoFollow), flock.SetPermissions(0o600))
	for {
		ok, err := try(ctx, lock)
		switch {
		case errors.Is(err, errAsleep):
			if ctx.Err() == nil { // or the caller had little time, and the try may only be slow
				asleep.Store(dir, time.Now())
			}
			return nil, unavailable(path, err)
		case err != nil && !errors.Is(err, syscall.EINTR):
			return nil, unavailable(path, err)
		case ok && current(lock, path):
			return &Held{lock}, nil
		case ok:
			// Somebody removed the file meanwhile: this lock excludes nobody.
			_ = lock.Unlock()
		}
		select {
		case <-ctx.Done():
			return nil, busy(ctx, path)
		case <-time.After(lockPoll + rand.N(lockPoll/2)):
		}
	}
}

// try asks once, and does not wait for an answer that does not come: on a network
// file system the question itself may sleep for ever.
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
	late := time.NewTimer(asleepAfter)
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
		return false, errAsleep
	}
}

// current tells whether the locked file is still the one that path names.
func current(lock *flock.Flock, path string) bool {
	mine, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, named)
}

// Remove deletes the lock file while it is locked, and then unlocks it. Who waits for
// it sees that the file is another one, and makes a new one. On a nil Held it does
// nothing.
func (h *Held) Remove() {
	if h != nil {
		_ = os.Remove(h.lock.Path())
	}
	h.Unlock()
}

// Unlock lets the next one in. On a nil Held, or a second time, it does
// nothing, so callers that go on without a lock need no case of their own.
func (h *Held) Unlock() {
	if h != nil {
		_ = h.lock.Unlock()
	}
}

func busy(ctx context.Context, path string) error {
	return fmt.Errorf("%s: %w: %w", path, ErrLockBusy, context.Cause(ctx))
}

func unavailable(path string, err error) error {
	return fmt.Errorf("%s: %w: %w", path, ErrLockUnavailable, hint.WithoutPath(err))
}
