//go:build unix

package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What was refused must not look as if it had been done: found by returning no error
// in each place that returns one.

func TestRootMakesNothingWhereAnotherLives(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root could")
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "theirs"), "old")
	for _, path := range []string{dir, filepath.Join(dir, "theirs")} {
		if err := os.Chown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	for what, err := range map[string]error{
		"MakeDir":   MakeDir(filepath.Join(dir, "a", "b")),
		"EnsureDir": EnsureDir(filepath.Join(dir, "a")),
		"Write":     Write(filepath.Join(dir, "new"), []byte("x"), 0o600),
	} {
		if !errors.Is(err, ErrNotTrusted) || !strings.Contains(err.Error(), "12345") {
			t.Errorf("%s: %v", what, err)
		}
	}
	onlyNames(t, dir, "theirs")
	// What is there already is edited, and stays theirs.
	if err := Write(filepath.Join(dir, "theirs"), []byte("new"), 0o600); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, "theirs"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 12345 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestRootMakesItsOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := EnsureDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "f"), []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
}

func TestCheckDirRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "f"), "")
	if err := CheckDir(filepath.Join(dir, "f")); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("a file: %v", err)
	}
	if err := CheckDir(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	if err := MakeDir(filepath.Join(dir, "f", "x")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}
	if err := EnsureDir(filepath.Join(dir, "f", "x")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}
}

func TestWriteRefusesWhatLeadsNowhere(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "f"), "")
	link := func(from, to string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	link("a", "b")
	link("b", "a")
	for i := range 45 { // each is missing its end, so that they are followed one by one
		link(fmt.Sprint("c", i), fmt.Sprint("c", i+1))
	}
	for what, path := range map[string]string{"a loop": "a", "too many links": "c0", "below a file": "f/x", "below nothing": "none/x"} {
		if err := Write(filepath.Join(dir, path), []byte("x"), 0o600); err == nil {
			t.Errorf("%s: written", what)
		}
		if p, err := Reserve(filepath.Join(dir, path), 1, 0o600); err == nil {
			t.Errorf("%s: reserved", what)
			p.Abort()
		}
	}
	if err := WriteOwn(filepath.Join(dir, "none", "x"), []byte("x")); err == nil {
		t.Error("written where there is no directory")
	}
}

func TestCommitTellsWhatWentWrong(t *testing.T) {
	for _, data := range []string{"new", ""} { // of nothing, only the truncation is left to fail
		path := filepath.Join(t.TempDir(), "f")
		put(t, path, "old")
		p, err := Reserve(path, 10, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		p.file.Close()
		if err := p.Commit([]byte(data)); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%q into a closed file: %v", data, err)
		}
		if got := content(t, path); got != "old" {
			t.Errorf("the file holds %q", got)
		}
	}
	path := filepath.Join(t.TempDir(), "f")
	p, err := Reserve(path, 10, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Commit([]byte("new")); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a directory took the name: %v", err)
	}
	onlyNames(t, filepath.Dir(path), "f")
}

// Files of /proc have no size, and more content than that.
func TestReadOfWhatHasNoSize(t *testing.T) {
	if _, err := os.Stat("/proc/self/maps"); err != nil {
		t.Skip("no /proc")
	}
	if _, err := Read("/proc/self/maps", 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("longer than it said: %v", err)
	}
	if data, err := Read("/proc/self/mem", 10); err == nil {
		t.Errorf("a read that fails: %d bytes", len(data))
	}
}
