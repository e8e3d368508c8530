//go:build unix

package safefile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var timeZero time.Time

func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "locks", "l")
	inside, most := 0, 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 5 {
				held, err := Lock(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
				inside--
				mu.Unlock()
				held.Unlock()
				held.Unlock() // a second time does nothing
			}
		})
	}
	wg.Wait()
	if most != 1 {
		t.Errorf("%d were inside at once", most)
	}
	if got := mode(t, path); got != 0o600 {
		t.Errorf("mode %v", got)
	}
	if got := mode(t, filepath.Dir(path)).Perm(); got != 0o700 {
		t.Errorf("directory mode %v", got)
	}
}

func TestLockWaitEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	held, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := Lock(ctx, path)
		if !errors.Is(err, ErrLockBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		// A caller still gets a free lock after its time has ended.
		held.Unlock()
		again, err := Lock(ctx, path)
		if err != nil {
			t.Errorf("free lock, no time left: %v", err)
		}
		again.Unlock()
	})
	(*Held)(nil).Unlock()
}

func TestLockUnavailable(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, dir string) error
	}{
		{"name is a directory", func(_ *testing.T, d string) error { return mkdir(filepath.Join(d, "l"), 0o700) }},
		{"name is a link", func(t *testing.T, d string) error {
			put(t, filepath.Join(d, "victim"), "")
			return os.Symlink(filepath.Join(d, "victim"), filepath.Join(d, "l"))
		}},
		{"all users can write the directory", func(_ *testing.T, d string) error { return os.Chmod(d, 0o777) }},
		{"directory is a file", func(t *testing.T, d string) error {
			if err := os.Remove(d); err != nil {
				return err
			}
			put(t, d, "")
			return nil
		}},
		{"directory is read-only", func(t *testing.T, d string) error {
			if os.Geteuid() == 0 {
				t.Skip("root can write everywhere")
			}
			return os.Chmod(d, 0o500)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			if err := mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := tt.make(t, dir); err != nil {
				t.Fatal(err)
			}
			within(t, time.Minute, func() {
				if _, err := Lock(t.Context(), filepath.Join(dir, "l")); !errors.Is(err, ErrLockUnavailable) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestLockOnRemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	first, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Unlock()
	if !current(first.lock, path) {
		t.Error("a new lock is reported as lost")
	}
	// Another process empties the cache directory. The next lock is on a new file, and it
	// must exclude a third process.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if current(first.lock, path) {
		t.Error("a lock on a removed file is reported as held")
	}
	second, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Unlock()
	mustBeBusy(t, path)
}

// mustBeBusy checks that a lock is held.
func mustBeBusy(t *testing.T, path string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Lock(ctx, path); !errors.Is(err, ErrLockBusy) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestKilledProcessReleasesItsLock(t *testing.T) {
	if path := os.Getenv("SAFEFILE_TEST_LOCK"); path != "" {
		if _, err := Lock(context.Background(), path); err != nil {
			t.Fatal(err)
		}
		fmt.Println("held")
		time.Sleep(time.Hour)
		return
	}
	path := filepath.Join(t.TempDir(), "l")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcessReleasesItsLock$")
	cmd.Env = append(os.Environ(), "SAFEFILE_TEST_LOCK="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("got %q, error %v", line, err)
	}
	mustBeBusy(t, path)
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	held, err := Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	held.Unlock()
}

func TestNote(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "lock")
	note := NoteAt(lock, "failed")
	var got struct{ Reason string }
	if note.Read(&got) {
		t.Error("a missing note is read")
	}
	if err := note.Write(struct{ Reason string }{"no"}); err != nil || !note.Read(&got) || got.Reason != "no" {
		t.Errorf("got %q, error %v", got.Reason, err)
	}
	for name, change := range map[string]func(path string) error{
		"not JSON":    func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
		"too large":   func(path string) error { return os.WriteFile(path, make([]byte, maxNote+1), 0o600) },
		"public":      func(path string) error { return os.Chmod(path, 0o644) },
		"a link":      func(path string) error { return os.Symlink(path+"-other", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			note := NoteAt(filepath.Join(t.TempDir(), "lock"), "failed")
			if name == "public" {
				if err := note.Write(1); err != nil {
					t.Fatal(err)
				}
			}
			if err := change(string(note)); err != nil {
				t.Fatal(err)
			}
			var v any
			if note.Read(&v) {
				t.Errorf("read as %v", v)
			}
		})
	}
	note.Remove()
	if note.Read(&got) {
		t.Error("a removed note is read")
	}
	none := NoteAt("", "failed")
	none.Remove()
	if err := none.Write(1); err != nil || none.Read(&got) {
		t.Errorf("without a lock: %v", err)
	}
}
