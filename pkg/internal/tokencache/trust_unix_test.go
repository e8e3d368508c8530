//go:build unix

package tokencache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

func TestUntrustedFilesAreMissesAndReplaced(t *testing.T) {
	for what, spoil := range map[string]func(path string) error{
		"readable by all": func(p string) error { return os.Chmod(p, 0o644) },
		"writable by all": func(p string) error { return os.Chmod(p, 0o666) },
		"link":            func(p string) error { return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p)) },
		"hard links":      func(p string) error { return os.Link(p, p+".real") },
		"a FIFO":          func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) },
		"another owner": func(p string) error {
			if os.Geteuid() != 0 {
				return nil
			}
			return os.Chown(p, 12345, -1)
		},
	} {
		t.Run(what, func(t *testing.T) {
			if what == "another owner" && os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			c, clk := open(t)
			e := entry(clk)
			mustPut(t, c, e)
			if err := spoil(path(c, e)); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.Get(key(e)); ok {
				t.Error("hit")
			}
			e.Username = "new"
			mustPut(t, c, e)
			got, ok := c.Get(key(e))
			if !ok || got.Username != "new" {
				t.Errorf("not replaced: %v", ok)
			}
			if info, err := os.Lstat(path(c, e)); err != nil || info.Mode() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if real, err := os.ReadFile(path(c, e) + ".real"); err == nil && string(real) == "" {
				t.Error("the link's target was touched")
			}
		})
	}
}

func TestUntrustedDirectory(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	mustPut(t, c, e)
	if info, err := os.Stat(c.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(c.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Get(key(e)); ok {
		t.Error("hit in a directory that all users can write")
	}
	if len(c.List()) != 0 {
		t.Error("listed from a directory that all users can write")
	}
	if err := c.Put(e); !errors.Is(err, safefile.ErrNotTrusted) {
		t.Errorf("Put: %v", err)
	}
	if info, err := os.Stat(c.dir); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("the mode was changed: %v, %v", info.Mode(), err)
	}
	if err := c.Erase(host); err != nil {
		t.Errorf("Erase: %v", err)
	}
	if _, err := os.Stat(path(c, e)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Erase: %v", err)
	}
}

func TestLinkedDirectoryOfOurs(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	mustPut(t, c, e)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(c.dir, link); err != nil {
		t.Fatal(err)
	}
	if _, ok := Open(link, clk.now).Get(key(e)); !ok {
		t.Error("miss")
	}
}
