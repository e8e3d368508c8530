package tokencache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/safefile"
)

const (
	// lookAt bounds what List and the sweep read of the directory.
	lookAt = 1000
	// orphanAge is far above the time that a write takes.
	orphanAge = time.Hour
	// deadAge is when an entry is over whatever it says: nothing is believed
	// for longer than 13 hours from its writing.
	deadAge = longest + time.Hour
)

// Put keeps a fetched token, in the place of the one before, and clears away
// what has died. A damaged or untrusted file is replaced, an untrusted
// directory is an error (safefile.ErrNotTrusted). ErrBadEntry: no host, user
// name, password or expiry, a password of more than 64 KiB, a line break or NUL.
// An error costs the next call its time, never this one its answer.
func (c *Cache) Put(e Entry) error {
	e.Stored = false
	return c.write(e)
}

// Store keeps what docker login brought, until its expiry, or for 13 hours if
// that is sooner: no ECR token lives longer.
func (c *Cache) Store(e Entry) error {
	e.Stored = true
	if latest := c.now().Round(0).Add(longest); e.ExpiresAt.After(latest) {
		e.ExpiresAt = latest
	}
	return c.write(e)
}

func (c *Cache) write(e Entry) error {
	if e.IssuedAt.IsZero() {
		e.IssuedAt = c.now()
	}
	e.IssuedAt, e.ExpiresAt = e.IssuedAt.UTC().Truncate(time.Second), e.ExpiresAt.UTC().Truncate(time.Second)
	if err := e.check(); err != nil {
		return err
	}
	if c.dir == "" || c.noEntry {
		return nil
	}
	data, err := marshal(e)
	if err != nil {
		return err
	}
	if err := safefile.EnsureDir(c.dir); err != nil {
		return fmt.Errorf("token cache: %w", err)
	}
	c.sweep()
	if err := safefile.WriteOwn(filepath.Join(c.dir, name(e)), data); err != nil {
		return fmt.Errorf("token cache: %w", err)
	}
	return nil
}

// sweep removes what killed processes left and what is long over. It goes by
// the file's own date: reading every entry would make each fetch pay for all.
func (c *Cache) sweep() {
	now := c.now()
	safefile.Sweep(c.dir, now.Add(-orphanAge))
	for _, file := range c.files(lookAt) {
		path := filepath.Join(c.dir, file)
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && info.ModTime().Before(now.Add(-deadAge)) {
			_ = os.Remove(path)
		}
	}
}

// Erase removes all entries of a host, stored and fetched, of any version.
// Nothing there is fine.
func (c *Cache) Erase(host string) error {
	if c.dir == "" {
		return nil
	}
	d, err := os.Open(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("token cache: %w", err)
	}
	defer d.Close()
	// All names before the first removal: a directory that is read while it
	// shrinks may skip some.
	names, err := d.Readdirnames(-1)
	prefix := digest(host) + "-"
	for _, file := range names {
		if !strings.HasPrefix(file, prefix) || !strings.HasSuffix(file, ".json") {
			continue
		}
		if gone := os.Remove(filepath.Join(c.dir, file)); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	if err != nil {
		return fmt.Errorf("token cache: %w", err)
	}
	return nil
}
