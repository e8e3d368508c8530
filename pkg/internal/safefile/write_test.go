package safefile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestWriteReplaces(t *testing.T) {
	writers := map[string]func(path string, data []byte) error{
		"Write":      func(p string, d []byte) error { return Write(p, d, 0o600) },
		"WriteOwn":   WriteOwn,
		"WriteCache": func(p string, d []byte) error { return WriteCache(p, d, 0o600, nil) },
		"Reserve then Commit": func(p string, d []byte) error {
			r, err := Reserve(p, 20, 0o600)
			if err != nil {
				return err
			}
			defer r.Abort()
			return r.Commit(d)
		},
	}
	for name, write := range writers {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			// Both longer and shorter than the old content and the reservation.
			for _, want := range []string{"first", "a much longer text than the first one", ""} {
				if err := write(path, []byte(want)); err != nil {
					t.Fatal(err)
				}
				if got := content(t, path); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			onlyNames(t, dir, "f")
		})
	}
}

func TestWriteErrorsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "d", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "d")
	if err := Write(path, nil, 0o600); !errors.Is(err, ErrNotRegular) {
		t.Errorf("Write over a directory: %v", err)
	}
	if _, err := Reserve(path, 10, 0o600); !errors.Is(err, ErrNotRegular) {
		t.Errorf("Reserve over a directory: %v", err)
	}
	if err := WriteOwn(path, nil); err == nil {
		t.Error("WriteOwn over a directory: no error")
	}
	if err := Write(filepath.Join(dir, "none", "f"), nil, 0o600); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Write in a missing directory: %v", err)
	}
	onlyNames(t, dir, "d")
}

func TestReserveAllocatesSpace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "old")
	p, err := Reserve(path, 5000, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(p.temp); err != nil || info.Size() != 5000 {
		t.Errorf("reservation: %v, %v", info, err)
	}
	if got := content(t, path); got != "old" {
		t.Errorf("visible too early: %q", got)
	}
	p.Abort()
	p.Abort()
	if err := p.Commit([]byte("late")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Commit after Abort: %v", err)
	}
	(*Pending)(nil).Abort()
	onlyNames(t, dir, "f")
	if got := content(t, path); got != "old" {
		t.Errorf("got %q", got)
	}
}

func TestCommitThatCannotRenameKeepsOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	p, err := Reserve(path, 10, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	// A directory now has the name.
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Commit([]byte("x")); !errors.Is(err, ErrNotRegular) {
		t.Errorf("got %v", err)
	}
	onlyNames(t, dir, "f")
}

// A reader always gets the complete content of a single writer.
func TestConcurrentWritersNeverMix(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, string(bytes.Repeat([]byte{'a'}, 3000)))
	var writers, reader sync.WaitGroup
	stop := make(chan struct{})
	reader.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			data, err := Read(path, 1<<20)
			if err != nil || len(data) != 3000 || bytes.Count(data, data[:1]) != 3000 {
				t.Errorf("%d bytes, %v", len(data), err)
				return
			}
			// If an open file cannot be replaced (Wine), the writers need a pause.
			time.Sleep(time.Millisecond)
		}
	})
	for i := range 8 {
		writers.Go(func() {
			for range 20 {
				if err := Write(path, bytes.Repeat([]byte{byte('b' + i)}, 3000), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	reader.Wait()
	onlyNames(t, dir, "f")
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	old, young := now.Add(-2*time.Hour), now.Add(-time.Minute)
	files := []struct {
		name string
		age  time.Time
		kept bool
	}{
		{tempPrefix + "0123456789abcdef", old, false},
		{tempPrefix + "00112233445566aa", young, true},
		{tempPrefix + "FEDCBA9876543210", old, true},
		{tempPrefix + "0123", old, true},
		{"x" + tempPrefix + "0123456789abcdef", old, true},
		// Another program's temporary file: only the program name in it differs.
		{".tmp-0123456789abcdef", old, true},
		{".tmp-other-tool-0123456789abcdef", old, true},
		{"tmp0123456789abcdef", old, true},
		{"f.json", old, true},
	}
	var want []string
	for _, f := range files {
		put(t, filepath.Join(dir, f.name), "secret")
		if err := os.Chtimes(filepath.Join(dir, f.name), f.age, f.age); err != nil {
			t.Fatal(err)
		}
		if f.kept {
			want = append(want, f.name)
		}
	}
	Sweep(dir, now.Add(-time.Hour))
	onlyNames(t, dir, want...)
	Sweep(filepath.Join(dir, "none"), now) // not an error
}

// No get command writes the user's configuration, so the next edit removes old temporary
// files.
func TestWriteRemovesOldTemporaryFiles(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for _, d := range []string{dir, elsewhere} {
		put(t, filepath.Join(d, tempPrefix+"0123456789abcdef"), "secret")
		if err := os.Chtimes(filepath.Join(d, tempPrefix+"0123456789abcdef"), old, old); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(d, tempPrefix+"00112233445566aa"), "another's, under way")
	}
	if err := Write(filepath.Join(dir, "f"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	onlyNames(t, dir, tempPrefix+"00112233445566aa", "f")
	pending, err := Reserve(filepath.Join(elsewhere, "f"), 10, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	pending.Abort()
	onlyNames(t, elsewhere, tempPrefix+"00112233445566aa")
}

func ExampleReserve() {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("example-%d.json", os.Getpid()))
	defer os.Remove(path)
	pending, err := Reserve(path, 4096, 0o600)
	if err != nil {
		fmt.Println("the old token is not spent:", err)
		return
	}
	defer pending.Abort()
	successor := []byte("new") // use the single-use token here
	fmt.Println(pending.Commit(successor))
	// Output: <nil>
}
