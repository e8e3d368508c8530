//go:build buildtest && linux && amd64

package safefile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// If locking fails or hangs, Lock returns an error with the cause within three seconds,
// and the caller continues without the lock. The tracer of the crash sweep simulates that
// file system.
func TestBuildLockOnFileSystemWithoutLocks(t *testing.T) {
	if dir := os.Getenv("SAFEFILE_TEST_NO_LOCKS"); dir != "" {
		lockTwice(dir)
		os.Exit(0) // exit while the calls hang
	}
	trap := filepath.Join(t.TempDir(), "trap")
	if out, err := exec.Command("go", "-C", filepath.Join("..", "..", "..", ".ci", "lab"), "build", "-o", trap, "./cmd/trap").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct{ fault, cause string }{
		{"ENOLCK", "no locks available"},
		{"EOPNOTSUPP", "operation not supported"},
		{"ENOSYS", "function not implemented"},
		{"hang", errUnresponsive.Error()},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(trap, "-below", dir, "-every", "flock", "-fault", tt.fault, os.Args[0], "-test.run=^TestBuildLockOnFileSystemWithoutLocks$")
			cmd.Env = append(os.Environ(), "SAFEFILE_TEST_NO_LOCKS="+dir)
			out, err := cmd.CombinedOutput()
			want := "in time: true: " + tt.cause + "\nat once: true: " + tt.cause + "\nin time: true: " + tt.cause + "\n"
			if err != nil || string(out) != want {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// lockTwice locks twice in one directory, and once in another directory with little time.
func lockTwice(dir string) {
	say := func(path string, timeout, atOnce time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		start := time.Now()
		_, err := Lock(ctx, path)
		when := "late"
		switch took := time.Since(start); {
		case took < atOnce:
			when = "at once"
		case took < 10*time.Second:
			when = "in time"
		}
		_, cause, _ := strings.Cut(fmt.Sprint(err), ErrLockUnavailable.Error()+": ")
		fmt.Printf("%s: %v: %s\n", when, errors.Is(err, ErrLockUnavailable), cause)
	}
	say(filepath.Join(dir, "a", "l"), time.Minute, 0)
	say(filepath.Join(dir, "a", "m"), time.Minute, tryTimeout)
	say(filepath.Join(dir, "b", "l"), 100*time.Millisecond, 0)
}
