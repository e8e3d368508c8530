//go:build unix

package safefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A refused operation must return an error. Removing each returned error from the code in
// turn revealed these cases.

// another changes the owner of paths to another user.
func another(t *testing.T, paths ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, path := range paths {
		if err := os.Lchown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
}

// writers returns the result of every operation that changes a file or directory.
func writers(path string) map[string]error {
	reserve := func() error {
		p, err := Reserve(path, 10, 0o600)
		p.Abort()
		return err
	}
	lock := func() error {
		held, err := Lock(context.Background(), path)
		held.Unlock()
		return err
	}
	return map[string]error{
		"Write": Write(path, []byte("x"), 0o600), "WriteOwn": WriteOwn(path, []byte("x")),
		"WriteCache": WriteCache(path, []byte("x"), 0o600, nil), "Reserve": reserve(), "Remove": Remove(path),
		"MakeDir": MakeDir(filepath.Join(path+".d", "b")), "EnsureDir": EnsureDir(path + ".e"), "Lock": lock(),
	}
}

func refusedAll(t *testing.T, path string) {
	t.Helper()
	for what, err := range writers(path) {
		if !errors.Is(err, ErrNotTrusted) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

func TestRootChangesNothingInAnotherUsersHome(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "theirs"), "old")
	another(t, dir, filepath.Join(dir, "theirs"))
	refusedAll(t, filepath.Join(dir, "theirs"))
	refusedAll(t, filepath.Join(dir, "new"))
	onlyNames(t, dir, "theirs")
	if got := content(t, filepath.Join(dir, "theirs")); got != "old" {
		t.Errorf("the user's file contains %q", got)
	}
}

// A user's link in any directory of the path leads to root's files.
func TestRootFollowsNoLinkOfAnotherUser(t *testing.T) {
	for what, plant := range map[string]func(t *testing.T, dir, real string) (path string){
		"directory": func(t *testing.T, dir, real string) string {
			link(t, real, filepath.Join(dir, "link"))
			another(t, filepath.Join(dir, "link"))
			return filepath.Join(dir, "link", "f")
		},
		"directory in the middle": func(t *testing.T, dir, real string) string {
			link(t, filepath.Dir(real), filepath.Join(dir, "link"))
			another(t, filepath.Join(dir, "link"))
			return filepath.Join(dir, "link", "real", "f")
		},
		"behind a link of root's": func(t *testing.T, dir, real string) string {
			link(t, real, filepath.Join(dir, "theirs"))
			another(t, filepath.Join(dir, "theirs"))
			link(t, "theirs", filepath.Join(dir, "link"))
			return filepath.Join(dir, "link", "f")
		},
		"link of root's in a directory for all": func(t *testing.T, dir, real string) string {
			another(t)
			shared := filepath.Join(dir, "shared")
			if err := os.Mkdir(shared, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(shared, 0o777|fs.ModeSticky); err != nil {
				t.Fatal(err)
			}
			link(t, real, filepath.Join(shared, "link"))
			return filepath.Join(shared, "link", "f")
		},
		"another user's directory above root's": func(t *testing.T, dir, _ string) string {
			theirs := filepath.Join(dir, "theirs")
			if err := os.MkdirAll(filepath.Join(theirs, "roots"), 0o700); err != nil {
				t.Fatal(err)
			}
			another(t, theirs)
			return filepath.Join(theirs, "roots", "f")
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir, real := t.TempDir(), filepath.Join(t.TempDir(), "real")
			if err := os.Mkdir(real, 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(real, "f"), "root's own")
			refusedAll(t, plant(t, dir, real))
			onlyNames(t, real, "f")
			if got := content(t, filepath.Join(real, "f")); got != "root's own" {
				t.Errorf("root's file contains %q", got)
			}
		})
	}
}

// The last name in the path is a user's link: the name of a token file is predictable.
func TestRootFollowsNoLinkAtEnd(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	put(t, victim, "root's own")
	path := filepath.Join(dir, "f")
	link(t, victim, path)
	another(t, path)
	for what, err := range map[string]error{"Write": Write(path, nil, 0o600), "WriteCache": WriteCache(path, nil, 0o600, nil)} {
		if !errors.Is(err, ErrNotTrusted) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if got := content(t, victim); got != "root's own" {
		t.Errorf("the link was followed: %q", got)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func TestReadShared(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	put(t, path, "x")
	for bits, ok := range map[fs.FileMode]bool{0o600: true, 0o644: true, 0o640: true, 0o660: false, 0o602: false, 0o666: false} {
		if err := os.Chmod(path, bits); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadShared(path, 10); (err == nil) != ok || err != nil && !errors.Is(err, ErrNotTrusted) {
			t.Errorf("mode %o: %v", bits, err)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	another(t, path)
	if _, err := ReadShared(path, 10); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("another user's file in root's directory: %v", err)
	}
	another(t, dir)
	if _, err := ReadShared(path, 10); err != nil {
		t.Errorf("root in the home of the file's owner: %v", err)
	}
}

func TestRootWritesItsOwnFiles(t *testing.T) {
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

func TestWriteRefusesBrokenLinks(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "f"), "")
	link(t, "b", filepath.Join(dir, "a"))
	link(t, "a", filepath.Join(dir, "b"))
	for i := range 45 { // the target does not exist, so the links are followed one by one
		link(t, fmt.Sprint("c", i+1), filepath.Join(dir, fmt.Sprint("c", i)))
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

func TestCommitErrors(t *testing.T) {
	for _, data := range []string{"new", ""} { // with empty data, only truncation can fail
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
			t.Errorf("the file contains %q", got)
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

// Files in /proc have size 0 but are not empty.
func TestReadOfFilesWithoutSize(t *testing.T) {
	if _, err := os.Stat("/proc/self/maps"); err != nil {
		t.Skip("no /proc")
	}
	if _, err := Read("/proc/self/maps", 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("longer than its size: %v", err)
	}
	if data, err := Read("/proc/self/mem", 10); err == nil {
		t.Errorf("a read that fails: %d bytes", len(data))
	}
}
