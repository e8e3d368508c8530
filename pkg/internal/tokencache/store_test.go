package tokencache

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// These tests cover behavior that mutation tests found untested.

func TestPutIsNotStore(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	e.Stored, e.IssuedAt = true, time.Time{}
	if err := c.Put(e); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Stored(e.Host); ok {
		t.Error("a fetched login counts as stored")
	}
	got, ok := c.Get(key(e))
	if age := clk.t.Sub(got.IssuedAt); !ok || age < 0 || age > time.Second {
		t.Errorf("issued at %v, found %v", got.IssuedAt, ok)
	}
	earlier := clk.t.Add(-time.Hour)
	e.IssuedAt = earlier
	mustPut(t, c, Entry{Host: e.Host, Identity: "x", Endpoint: "y", Username: "AWS", Password: e.Password, ExpiresAt: e.ExpiresAt, IssuedAt: earlier})
	if got, _ := c.Get(Key{Host: e.Host, Identity: "x", Endpoint: "y"}); !got.IssuedAt.Equal(earlier.UTC().Truncate(time.Second)) {
		t.Errorf("issued at %v", got.IssuedAt)
	}
}

func TestWithoutEntries(t *testing.T) {
	c, clk := open(t)
	locks := c.WithoutEntries()
	if err := locks.Put(entry(clk)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); err == nil {
		t.Error("something was written")
	}
	if locks.LockPath("get", "x") != c.LockPath("get", "x") {
		t.Error("the locks are in another directory")
	}
}

func TestErrorsOfPutAndErase(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	mustPut(t, c, e)
	// A directory that is not empty is neither replaced nor removed.
	if err := os.Remove(path(c, e)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path(c, e), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(e); err == nil {
		t.Error("saved where a directory has the name")
	}
	if err := c.Erase(e.Host); err == nil {
		t.Error("reported as erased, but it exists")
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Fatal(err)
	}
	if err := c.Erase(e.Host); err != nil {
		t.Errorf("nothing to erase: %v", err)
	}
	overwrite(t, c.dir, "a file")
	if err := c.Put(e); err == nil {
		t.Error("saved below a file")
	}
}
