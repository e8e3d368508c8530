package tokencache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

const (
	// lookAt bounds the entries that are looked at to list or to compare them.
	lookAt = 1000
	// sweepEvery is how often the directory is swept, and sweepMost how many of
	// its files then: a fetch must not pay for a thousand others each time.
	sweepEvery = time.Hour
	sweepMost  = 20_000
	// deadAge is when an entry is over whatever it says: nothing is believed
	// for longer than 13 hours from its writing.
	deadAge = longest + time.Hour
)

// Put keeps a fetched token, in the place of the one before, and clears away
// what has died, once an hour. An untrusted file is replaced, a damaged one set
// aside, an untrusted directory is an error (safefile.ErrNotTrusted). ErrBadEntry:
// no host, user name, password or expiry, a password of more than 64 KiB, a line
// break or NUL. ErrNoKey: entries are to be encrypted, and nothing was written.
// An error costs the next call its time, never this one its answer.
func (c *Cache) Put(e Entry) error {
	e.Stored = false
	return c.write(e)
}

// Store keeps what docker login brought, until its expiry, or for 13 hours if
// that is sooner: no ECR token lives longer. The errors are those of Put, and
// ErrNoEntries: a person who logs in must hear that nothing was kept.
func (c *Cache) Store(e Entry) error {
	if c.dir == "" || c.noEntry {
		return ErrNoEntries
	}
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
	e = e.whole()
	if err := e.check(); err != nil {
		return err
	}
	if c.dir == "" || c.noEntry {
		return nil
	}
	r := e.record()
	if c.vault != nil {
		sealed, err := c.vault.seal(r)
		if err != nil {
			return err
		}
		r = sealed
	}
	data, err := r.marshal()
	if err != nil {
		return err
	}
	if err := safefile.EnsureDir(c.dir); err != nil {
		return fmt.Errorf("token cache: %w", err)
	}
	c.sweep()
	path := filepath.Join(c.dir, c.name(e))
	c.setAside(path)
	if err := safefile.WriteOwn(path, data); err != nil {
		return fmt.Errorf("token cache: %w", err)
	}
	return nil
}

// setAside keeps a damaged entry beside the one that takes its place, for whoever
// wants to know what went wrong: one for each entry, until the sweep or an erase.
func (c *Cache) setAside(path string) {
	data, err := safefile.ReadOwn(path, maxFile)
	switch {
	case errors.Is(err, safefile.ErrTooLarge):
	case err != nil:
		return // nothing there, or nothing of ours
	case c.vault != nil:
		var r record
		if json.Unmarshal(data, &r) == nil && r.Host != "" && len(r.Sealed) > 0 {
			return
		}
	default:
		if _, err := parse(data); err == nil {
			return
		}
	}
	_ = os.Rename(path, path+asideSuffix)
}

// sweep removes what killed processes left and what is long over, if that was not
// done within the hour. It goes by the file's own date: reading every entry would
// take long.
func (c *Cache) sweep() {
	now := c.now()
	last := filepath.Join(c.dir, "swept")
	if info, err := os.Lstat(last); err == nil {
		if age := now.Sub(info.ModTime()); age >= 0 && age < sweepEvery {
			return
		}
	}
	if safefile.WriteOwn(last, nil) == nil {
		_ = os.Chtimes(last, now, now)
	}
	safefile.Sweep(c.dir, now.Add(-safefile.OrphanAge))
	for _, file := range c.list(sweepMost, version, sealedVersion, asideSuffix, warmfile.Suffix) {
		path := filepath.Join(c.dir, file)
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && info.ModTime().Before(now.Add(-deadAge)) {
			_ = os.Remove(path)
		}
	}
}

// removeAll removes the entries with these endings, and the damaged ones of that kind.
func (c *Cache) removeAll(endings ...string) {
	if !c.trusted() {
		return
	}
	for _, ending := range endings {
		for _, file := range c.list(-1, ending, ending+asideSuffix) {
			_ = os.Remove(filepath.Join(c.dir, file))
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
		ours := strings.HasPrefix(file, prefix) && strings.HasSuffix(strings.TrimSuffix(file, asideSuffix), ".json")
		if !ours && !warmOf(host, file) {
			continue
		}
		err = errors.Join(err, safefile.Remove(filepath.Join(c.dir, file)))
	}
	if err != nil {
		return fmt.Errorf("token cache: %w", err)
	}
	return nil
}
