package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// onlyNames fails if dir contains other files, such as a temporary file.
func onlyNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, name := range want {
		left[name] = true
	}
	for _, e := range entries {
		if !left[e.Name()] {
			t.Errorf("unexpected %s in %s", e.Name(), dir)
		}
		delete(left, e.Name())
	}
	for name := range left {
		t.Errorf("missing %s in %s", name, dir)
	}
}

func TestReadBothWays(t *testing.T) {
	readers := map[string]func(string, int64) ([]byte, error){"Read": Read, "ReadOwn": ReadOwn}
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"file of exactly the allowed size", func(t *testing.T, p string) { put(t, p, "12345678") }, nil},
		{"empty file", func(t *testing.T, p string) { put(t, p, "") }, nil},
		{"one byte too long", func(t *testing.T, p string) { put(t, p, "123456789") }, ErrTooLarge},
		{"sparse file of 1 TiB", func(t *testing.T, p string) {
			put(t, p, "")
			if err := os.Truncate(p, 1<<40); err != nil {
				t.Skip("the file system has no sparse files: ", err)
			}
		}, ErrTooLarge},
		{"directory", func(t *testing.T, p string) {
			if err := os.Mkdir(p, 0o700); err != nil {
				t.Fatal(err)
			}
		}, ErrNotRegular},
		{"nothing", func(*testing.T, string) {}, fs.ErrNotExist},
	}
	for _, tt := range tests {
		for name, read := range readers {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "f")
				tt.make(t, path)
				data, err := read(path, 8)
				if !errors.Is(err, tt.want) {
					t.Fatalf("got error %v, want %v", err, tt.want)
				}
				if err == nil && string(data) != content(t, path) {
					t.Errorf("got %q", data)
				}
			})
		}
	}
}
