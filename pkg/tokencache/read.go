package tokencache

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/safefile"
)

// Get returns the fetched token for k if it is sure to be good: in a directory
// and file that are ours alone, with more than 10 minutes and at most 13 hours
// left, and with its SSO token file still there. Anything else is a miss.
func (c *Cache) Get(k Key) (Entry, bool) {
	want := Entry{Host: k.Host, Identity: k.Identity, Endpoint: k.Endpoint}
	return c.get(name(want), func(e Entry) bool {
		return !e.Stored && e.Host == k.Host && e.Identity == k.Identity && e.Endpoint == k.Endpoint
	})
}

// Stored returns the token that docker login left for the host, until exactly
// its expiry.
func (c *Cache) Stored(host string) (Entry, bool) {
	return c.get(name(Entry{Host: host, Stored: true}), func(e Entry) bool { return e.Stored && e.Host == host })
}

func (c *Cache) get(file string, match func(Entry) bool) (Entry, bool) {
	if !c.usable() {
		return Entry{}, false
	}
	e, ok := c.read(file)
	if !ok || !match(e) {
		return Entry{}, false
	}
	return e, true
}

// List returns the live entries, one per host, sorted by host: the stored one
// if there is one, else the fetched one that lasts longest. It looks at no more
// than 1000 files.
func (c *Cache) List() []Entry {
	if !c.usable() {
		return nil
	}
	best := map[string]Entry{}
	for _, file := range c.files(lookAt) {
		e, ok := c.read(file)
		// A file under another entry's name would answer for what it is not.
		if !ok || name(e) != file {
			continue
		}
		if old, taken := best[e.Host]; !taken || better(e, old) {
			best[e.Host] = e
		}
	}
	var list []Entry
	for _, e := range best {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Host, b.Host) })
	return list
}

func better(e, than Entry) bool {
	if e.Stored != than.Stored {
		return e.Stored
	}
	return e.ExpiresAt.After(than.ExpiresAt)
}

// read returns the entry in a file if it can be trusted and is live.
func (c *Cache) read(file string) (Entry, bool) {
	data, err := safefile.ReadOwn(filepath.Join(c.dir, file), maxFile)
	if err != nil {
		return Entry{}, false
	}
	e, err := parse(data)
	if err != nil || !live(e, c.now()) {
		return Entry{}, false
	}
	if e.TokenFile != "" {
		if _, err := os.Stat(e.TokenFile); err != nil {
			return Entry{}, false
		}
	}
	return e, true
}

// live judges by the wall clock: a monotonic one stands still while a laptop
// sleeps.
func live(e Entry, now time.Time) bool {
	left := e.ExpiresAt.Sub(now.Round(0))
	if left > longest {
		return false
	}
	if e.Stored {
		return left > 0
	}
	return left > margin
}

// files are the names of entries of this version, at most limit names being
// looked at.
func (c *Cache) files(limit int) []string {
	d, err := os.Open(c.dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(limit) // an error still comes with names
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, version) })
}
