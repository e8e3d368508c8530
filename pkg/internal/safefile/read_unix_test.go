//go:build unix

package safefile

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// realDir is t.TempDir without links: on macOS, /var is a link.
func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// within fails if f takes longer than d.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatal("hangs")
	}
}

func TestReadSpecialFiles(t *testing.T) {
	tests := []struct {
		name          string
		make          func(t *testing.T, path string) error
		read, readOwn error
	}{
		{"a FIFO without a writer", func(_ *testing.T, p string) error { return syscall.Mkfifo(p, 0o600) }, ErrNotRegular, ErrNotRegular},
		{"socket", func(t *testing.T, p string) error {
			l, err := net.Listen("unix", p)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		}, ErrNotRegular, ErrNotRegular},
		{"link to a device", func(_ *testing.T, p string) error { return os.Symlink("/dev/zero", p) }, ErrNotRegular, ErrNotTrusted},
		{"link to a file", func(t *testing.T, p string) error { put(t, p+"2", "x"); return os.Symlink(p+"2", p) }, nil, ErrNotTrusted},
		{"dangling link", func(_ *testing.T, p string) error { return os.Symlink(p+"2", p) }, os.ErrNotExist, ErrNotTrusted},
		{"link to itself", func(_ *testing.T, p string) error { return os.Symlink(p, p) }, syscall.ELOOP, ErrNotTrusted},
		{"second hard link", func(t *testing.T, p string) error { put(t, p, "x"); return os.Link(p, p+"2") }, nil, ErrNotTrusted},
		{"mode 0640", func(t *testing.T, p string) error { put(t, p, "x"); return os.Chmod(p, 0o640) }, nil, ErrNotTrusted},
		{"mode 0602", func(t *testing.T, p string) error { put(t, p, "x"); return os.Chmod(p, 0o602) }, nil, ErrNotTrusted},
		{"mode 0400", func(t *testing.T, p string) error { put(t, p, "x"); return os.Chmod(p, 0o400) }, nil, nil},
		{"another owner", func(t *testing.T, p string) error {
			if os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			put(t, p, "x")
			return os.Chown(p, 12345, -1)
		}, nil, ErrNotTrusted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "sf") // short, because a socket's path is limited
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			path := filepath.Join(dir, "f")
			if err := tt.make(t, path); err != nil {
				t.Fatal(err)
			}
			within(t, time.Minute, func() {
				if _, err := Read(path, 100); !errors.Is(err, tt.read) {
					t.Errorf("Read: got %v, want %v", err, tt.read)
				}
				if _, err := ReadOwn(path, 100); !errors.Is(err, tt.readOwn) {
					t.Errorf("ReadOwn: got %v, want %v", err, tt.readOwn)
				}
			})
		})
	}
}

func TestEnsureDir(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string) error
		want error
	}{
		{"is created with its parents", func(*testing.T, string) error { return nil }, nil},
		{"is ours and readable by all", func(_ *testing.T, p string) error { return mkdir(p, 0o755) }, nil},
		{"can be written by the group", func(_ *testing.T, p string) error { return mkdir(p, 0o770) }, ErrNotTrusted},
		{"can be written by all users, like the shared temporary directory", func(_ *testing.T, p string) error { return mkdir(p, 0o777|os.ModeSticky) }, ErrNotTrusted},
		{"is a link to a directory of ours", func(_ *testing.T, p string) error {
			return errors.Join(mkdir(p+"2", 0o700), os.Symlink(p+"2", p))
		}, nil},
		{"is a link to a directory that all users can write", func(_ *testing.T, p string) error {
			return errors.Join(mkdir(p+"2", 0o777), os.Symlink(p+"2", p))
		}, ErrNotTrusted},
		{"is a file", func(t *testing.T, p string) error { mkdir(filepath.Dir(p), 0o700); put(t, p, ""); return nil }, syscall.ENOTDIR},
		{"belongs to another user", func(t *testing.T, p string) error {
			if os.Geteuid() != 0 {
				t.Skip("only root can give directories away")
			}
			return errors.Join(mkdir(p, 0o700), os.Chown(p, 12345, -1))
		}, ErrNotTrusted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "parent", "d")
			if err := tt.make(t, path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Stat(path)
			if err := EnsureDir(path); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			after, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if before == nil && after.Mode().Perm() != 0o700 {
				t.Errorf("made with mode %v", after.Mode())
			}
			if before != nil && before.Mode() != after.Mode() {
				t.Errorf("mode changed from %v to %v", before.Mode(), after.Mode())
			}
		})
	}
}

// mkdir creates path with exactly this mode, independent of the umask.
func mkdir(path string, mode os.FileMode) error {
	return errors.Join(os.MkdirAll(path, 0o700), os.Chmod(path, mode))
}
