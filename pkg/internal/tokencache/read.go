package tokencache

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Get returns the fetched token for k if it is sure to be good: in a directory
// and file that are ours alone, with more than 10 minutes and at most 13 hours
// left, from the session's current sign-in, and not due to be checked. Anything
// else is a miss.
func (c *Cache) Get(k Key) (Entry, bool) {
	e, ok := c.fetched(k)
	return e, ok && !e.due(c.now())
}

// Checked returns the fetched token for k also when it is due to be checked, if
// it was fetched with these credentials (see Entry).
func (c *Cache) Checked(k Key, credentials string) (Entry, bool) {
	e, ok := c.fetched(k)
	return e, ok && credentials != "" && e.Credentials == credentials
}

func (c *Cache) fetched(k Key) (Entry, bool) {
	if k.TokenFile != "" && k.SignIn == "" {
		return Entry{}, false
	}
	want := Entry{Host: k.Host, Identity: k.Identity, Endpoint: k.Endpoint, TokenFile: k.TokenFile}
	return c.get(c.name(want), func(e Entry) bool {
		return !e.Stored && k == Key{e.Host, e.Identity, e.Endpoint, e.TokenFile, e.SignIn}
	})
}

func (e Entry) due(now time.Time) bool { return !e.CheckAt.IsZero() && !now.Before(e.CheckAt) }

// Stored returns the token that docker login left for the host, until exactly
// its expiry.
func (c *Cache) Stored(host string) (Entry, bool) {
	return c.get(c.name(Entry{Host: host, Stored: true}), func(e Entry) bool { return e.Stored && e.Host == host })
}

func (c *Cache) get(file string, match func(Entry) bool) (Entry, bool) {
	if !c.usable() {
		return Entry{}, false
	}
	return c.read(file, match)
}

// List returns the live entries, one per host, sorted by host: the stored one
// if there is one, else the fetched one that lasts longest, whatever sign-in it
// came from. It looks at no more than 1000 files.
func (c *Cache) List() []Entry {
	if !c.usable() {
		return nil
	}
	best := map[string]Entry{}
	for _, file := range c.files(maxListed) {
		// A file under another entry's name would answer for what it is not.
		e, ok := c.read(file, func(e Entry) bool { return c.name(e) == file })
		if !ok {
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

// read returns the entry in a file if it can be trusted, is live and is what was
// asked for. match sees no password: a sealed one is not opened for a miss.
func (c *Cache) read(file string, match func(Entry) bool) (Entry, bool) {
	data, err := safefile.ReadOwn(filepath.Join(c.dir, file), maxFile)
	if err != nil {
		c.reportUntrusted(err)
		return Entry{}, false
	}
	var r record
	if json.Unmarshal(data, &r) != nil {
		return Entry{}, false
	}
	if e := r.entry(); !live(e, c.now()) || !match(e) || !signedIn(e) {
		return Entry{}, false
	}
	if c.vault != nil {
		if r, err = c.vault.open(r); err != nil {
			c.reportNoKey(err)
			return Entry{}, false
		}
	}
	e := r.entry()
	return e, e.check() == nil
}

// signedIn tells whether the SSO token file behind an entry is still there.
func signedIn(e Entry) bool {
	if e.TokenFile == "" {
		return true
	}
	if !filepath.IsAbs(e.TokenFile) {
		return false
	}
	_, err := os.Stat(e.TokenFile)
	return err == nil
}

// live judges by the wall clock: a monotonic one stands still while a laptop
// sleeps.
func live(e Entry, now time.Time) bool {
	left := e.ExpiresAt.Sub(now.Round(0))
	if left > maxLifetime {
		return false
	}
	if e.Stored {
		return left > 0
	}
	return left > margin
}

// files are the names of entries of this version and kind, at most limit of them.
func (c *Cache) files(limit int) []string {
	if c.vault != nil {
		return c.list(limit, sealedVersion)
	}
	return c.list(limit, version)
}

// list returns the names with one of the endings, at most limit of them; all for -1.
func (c *Cache) list(limit int, endings ...string) []string {
	d, err := os.Open(c.dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	foreign := func(n string) bool {
		return !slices.ContainsFunc(endings, func(ending string) bool { return strings.HasSuffix(n, ending) })
	}
	var found []string
	for limit < 0 || len(found) < limit {
		names, err := d.Readdirnames(limit) // an error still comes with names
		found = append(found, slices.DeleteFunc(names, foreign)...)
		if err != nil || limit < 0 {
			break
		}
	}
	if limit >= 0 {
		found = found[:min(limit, len(found))]
	}
	return found
}

// Holds reports whether the password is one that Get or Stored could answer with
// for the host now, whoever it was made for: a docker login with it brings
// nothing new.
func (c *Cache) Holds(host string, password secret.Secret) bool {
	if !c.usable() {
		return false
	}
	for _, file := range c.files(maxListed) {
		e, ok := c.read(file, func(e Entry) bool { return c.name(e) == file && e.Host == host })
		if ok && e.Password.Equal(password) {
			return true
		}
	}
	return false
}

// usable reports whether entries can be read: the cache has entries, in a trusted
// directory.
func (c *Cache) usable() bool { return !c.noEntry && c.trusted() }

// trusted reports whether the directory exists and only this user can write to it.
func (c *Cache) trusted() bool {
	if c.dir == "" {
		return false
	}
	err := safefile.CheckDir(c.dir)
	c.reportUntrusted(err)
	return err == nil
}

// reportUntrusted tells what a person has to know: that something here is not trusted. A file
// that is not there, or that nobody can read, is a miss and no news.
func (c *Cache) reportUntrusted(err error) {
	if c.report != nil && errors.Is(err, safefile.ErrNotTrusted) {
		c.report(err)
	}
}
