package awscache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

func TestRefreshLockTimeout(t *testing.T) {
	tests := []struct {
		name  string
		left  time.Duration
		limit time.Duration // the caller's deadline
		want  string
		calls int32
	}{
		{"one minute left: the old token, no competition", time.Minute, time.Minute, "AT", 0},
		{"expired: continues without the lock", 0, time.Minute, "AT2", 1},
		{"expired, no time left: deadline exceeded", 0, 5 * time.Second, "", 0},
		{"one minute left and no time left: the old token", time.Minute, 5 * time.Second, "AT", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lock := heldLock(t)
				ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
				defer cancel()
				var calls atomic.Int32
				got, err := RefreshToken(ctx, RefreshOptions{
					Path: file(t, body("AT", "RT", expiry.Add(tt.left))), LockPath: lock,
					Now: func() time.Time { return expiry }, Request: answer(&calls, grant("AT2", "RT2"), nil),
				})
				if got.AccessToken.Reveal() != tt.want || calls.Load() != tt.calls {
					t.Errorf("got %q, %v after %d calls", got.AccessToken.Reveal(), err, calls.Load())
				}
				if (tt.want == "") != errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// successor is the token file written by another process.
var successor = body("AT2", "RT2", expiry.Add(time.Hour))

// refusedRefreshCases are the test cases of TestRefreshRejectedWithoutLock.
var refusedRefreshCases = map[string]struct {
	left    time.Duration // remaining lifetime of the old token
	locked  bool
	comes   time.Duration // when another process writes content; 0: never
	content string        // "-": the file is removed
	leaves  time.Duration // when the caller is canceled; 0: never
	want    string
	took    time.Duration
}{
	"successor arrives":                        {comes: time.Second, content: successor, want: "AT2", took: time.Second},
	"it is already in the file":                {comes: -1, content: successor, want: "AT2"},
	"it arrives too late":                      {comes: successorTimeout + time.Second, content: successor, took: successorTimeout},
	"no successor arrives":                     {took: successorTimeout},
	"expired one arrives":                      {comes: time.Second, content: body("AT2", "RT2", expiry), took: successorTimeout},
	"sign-out happens":                         {comes: time.Second, content: "-", took: time.Second},
	"caller is canceled":                       {leaves: time.Second, took: time.Second},
	"old token has a minute: no wait":          {left: time.Minute, want: "AT"},
	"lock holder waits for no process":         {locked: true, comes: time.Second, content: successor},
	"lock holder uses a successor in the file": {locked: true, comes: -1, content: successor, want: "AT2"},
}

// Without a lock, two processes may use the same refresh token. The one that AWS rejects
// waits for the other's new token.
func TestRefreshRejectedWithoutLock(t *testing.T) {
	for name, c := range refusedRefreshCases {
		t.Run(name, func(t *testing.T) {
			path, lock := file(t, body("AT", "RT", expiry.Add(c.left))), ""
			if c.locked {
				lock = filepath.Join(t.TempDir(), "l")
			} else if err := os.Mkdir(besideLock(path), 0o700); err != nil { // makes the lock unavailable
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				lay := func() {
					if c.content == "-" {
						_ = os.Remove(path)
					} else if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
						t.Error(err)
					}
				}
				if c.leaves > 0 {
					time.AfterFunc(c.leaves, cancel)
				}
				start := time.Now()
				got, err := RefreshToken(ctx, RefreshOptions{
					Path: path, LockPath: lock, Now: func() time.Time { return expiry },
					Request: func(context.Context, Token) (Grant, error) {
						switch {
						case c.comes < 0:
							lay()
						case c.comes > 0:
							time.AfterFunc(c.comes, lay)
						}
						return Grant{}, errRefused
					},
				})
				if took := time.Since(start); took < c.took || took >= c.took+2*successorPoll {
					t.Errorf("took %v", took)
				}
				if got.AccessToken.Reveal() != c.want || (c.want == "") != errors.Is(err, errRefused) {
					t.Errorf("got %q, %v", got.AccessToken.Reveal(), err)
				}
				time.Sleep(time.Hour) // virtual time
			})
		})
	}
}

// heldLock returns a lock that is held until the end of the test.
func heldLock(t *testing.T) string {
	t.Helper()
	lock := filepath.Join(t.TempDir(), "l")
	held, err := safefile.Lock(t.Context(), lock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Unlock)
	return lock
}

func TestRefreshLockUntil(t *testing.T) {
	for name, c := range map[string]struct {
		until time.Duration // LockUntil from now; 0: not set
		took  time.Duration
	}{
		"not set":           {0, lockTimeout},
		"in three seconds":  {3 * time.Second, 3 * time.Second},
		"after the timeout": {time.Minute, lockTimeout},
		"now":               {time.Nanosecond, 0},
		"in the past":       {-time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lock := heldLock(t)
				start := time.Now()
				var calls atomic.Int32
				o := RefreshOptions{
					Path: file(t, cliFile), LockPath: lock, Request: answer(&calls, grant("AT2", "RT2"), nil),
					Now: func() time.Time { return expiry.Add(time.Since(start)) },
				}
				if c.until != 0 {
					o.LockUntil = expiry.Add(c.until)
				}
				_, err := RefreshToken(t.Context(), o)
				if over := time.Since(start) - c.took; err != nil || calls.Load() != 1 || over < 0 || over > 20*time.Millisecond {
					t.Errorf("%v, %d calls after %v", err, calls.Load(), time.Since(start))
				}
			})
		})
	}
}

func TestRefreshOnceForManyGoroutines(t *testing.T) {
	dir := t.TempDir()
	for name, lock := range map[string]func(i int) string{
		"one cache directory":       func(int) string { return filepath.Join(dir, "l") },
		"different ones":            func(i int) string { return filepath.Join(dir, strconv.Itoa(i), "l") },
		"a different one, and none": func(i int) string { return []string{filepath.Join(dir, "l"), ""}[i%2] },
	} {
		path := file(t, cliFile)
		var calls atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				got, err := RefreshToken(t.Context(), RefreshOptions{
					Path: path, LockPath: lock(i), Now: func() time.Time { return expiry },
					Request: answer(&calls, grant("AT2", "RT2"), nil),
				})
				if err != nil || got.AccessToken.Reveal() != "AT2" {
					t.Errorf("%s: got %v, error %v", name, got, err)
				}
			})
		}
		wg.Wait()
		if calls.Load() != 1 {
			t.Errorf("%s: %d calls", name, calls.Load())
		}
	}
}

// besideLock returns the path of the lock file next to a token file.
func besideLock(path string) string {
	return filepath.Join(filepath.Dir(path), ".docker-credential-ecr-sso-"+filepath.Base(path)+".lock")
}

// Processes exclude each other even if their lock paths differ, or if one has no usable
// lock path.
func TestLockIncludesTokenDirectory(t *testing.T) {
	path, dir := file(t, body("AT", "RT", expiry)), t.TempDir()
	paths := []string{filepath.Join(dir, "locks", "l"), filepath.Join(dir, "other", "l"), "", filepath.Join(path, "below-a-file", "l")}
	for _, first := range paths {
		held, err := LockToken(t.Context(), path, first)
		if err != nil {
			t.Fatalf("%q: error %v", first, err)
		}
		for _, second := range paths {
			synctest.Test(t, func(t *testing.T) {
				short, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if again, err := LockToken(short, path, second); !errors.Is(err, safefile.ErrLockBusy) {
					t.Errorf("%q, then %q: %v", first, second, err)
					again.Unlock()
				}
			})
		}
		held.Unlock()
		if _, err := os.Stat(besideLock(path)); err != nil {
			t.Errorf("%q: next to the token file: %v", first, err)
		}
	}
}

// The directory of the token file need not be writable.
func TestLockWithoutTokenDirectory(t *testing.T) {
	path, lock := filepath.Join(t.TempDir(), "none", "token.json"), filepath.Join(t.TempDir(), "l")
	held, err := LockToken(t.Context(), path, lock)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Unlock()
	synctest.Test(t, func(t *testing.T) {
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := LockToken(short, path, lock); !errors.Is(err, safefile.ErrLockBusy) {
			t.Error(err)
		}
	})
}
