package tokencache

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Get returns the fetched login for k if it is certainly valid: the directory and the
// file are trusted, 10 minutes to 13 hours remain until expiry, the login is from the
// session's current sign-in, and no check is due. Anything else is a miss.
func (c *Cache) Get(k Key) (Entry, bool) {
	entry, ok := c.fetched(k)
	return entry, ok && !entry.due(c.now())
}

// Known reports whether the cache has a fetched login for k, valid or not.
func (c *Cache) Known(k Key) bool {
	if !c.usable() {
		return false
	}
	_, err := os.Lstat(filepath.Join(c.dir, c.name(k.entry())))
	return err == nil
}

// entry returns an Entry with the fields that determine its file name.
func (k Key) entry() Entry {
	return Entry{Host: k.Host, Identity: k.Identity, Endpoint: k.Endpoint, TokenFile: k.TokenFile}
}

// Checked is Get for an entry that is due for a check. It returns the login if it was
// fetched with these credentials (see Entry).
func (c *Cache) Checked(k Key, credentials string) (Entry, bool) {
	entry, ok := c.fetched(k)
	return entry, ok && credentials != "" && entry.Credentials == credentials
}

func (c *Cache) fetched(k Key) (Entry, bool) {
	if k.TokenFile != "" && k.SignIn == "" {
		return Entry{}, false
	}
	return c.get(c.name(k.entry()), func(entry Entry) bool {
		return !entry.Stored && k == Key{entry.Host, entry.Identity, entry.Endpoint, entry.TokenFile, entry.SignIn}
	})
}

func (e Entry) due(now time.Time) bool { return !e.CheckAt.IsZero() && !now.Before(e.CheckAt) }

// Stored returns the host's login from docker login, until its exact expiry.
func (c *Cache) Stored(host string) (Entry, bool) {
	return c.get(c.name(Entry{Host: host, Stored: true}), func(entry Entry) bool { return entry.Stored && entry.Host == host })
}

func (c *Cache) get(file string, match func(Entry) bool) (Entry, bool) {
	if !c.usable() {
		return Entry{}, false
	}
	return c.read(file, match)
}

// List returns the valid entries, one per host, sorted by host. It prefers the stored
// entry, then the fetched entry with the latest expiry, from any sign-in. It reads no
// more than 1000 files.
func (c *Cache) List() []Entry {
	if !c.usable() {
		return nil
	}
	best := map[string]Entry{}
	for _, file := range c.files(maxListed) {
		// A file with the name of a different entry is not valid.
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
	sort.Slice(list, func(i, j int) bool { return list[i].Host < list[j].Host })
	return list
}

func better(entry, than Entry) bool {
	if entry.Stored != than.Stored {
		return entry.Stored
	}
	return entry.ExpiresAt.After(than.ExpiresAt)
}

// read returns the entry in a file if the file is trusted and the entry is valid and
// matches. If the password is encrypted, read calls match without it and decrypts it only
// for a match.
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

// signedIn reports whether an entry's SSO token file still exists.
func signedIn(entry Entry) bool {
	if entry.TokenFile == "" {
		return true
	}
	if !filepath.IsAbs(entry.TokenFile) {
		return false
	}
	_, err := os.Stat(entry.TokenFile)
	return err == nil
}

// live uses the wall clock, because the monotonic clock stops while a laptop sleeps.
func live(entry Entry, now time.Time) bool {
	left := entry.ExpiresAt.Sub(now.Round(0))
	if left > maxLifetime {
		return false
	}
	if entry.Stored {
		return left > 0
	}
	return left > Margin
}

// files returns up to limit names of entries of this version and format.
func (c *Cache) files(limit int) []string {
	if c.vault != nil {
		return c.list(limit, sealedVersion)
	}
	return c.list(limit, version)
}

// list returns up to limit names that have one of the endings. If limit is -1, it returns
// all of them.
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
		names, err := d.Readdirnames(limit) // the names are valid even if there is an error
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

// Holds reports whether Get or Stored could return this password for the host now, for
// any identity. A docker login with that password need not be stored.
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

// usable reports whether entries can be read: entries are enabled and the directory is
// trusted.
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

// reportUntrusted reports an untrusted directory or entry. A file that does not exist or
// cannot be read is a miss and is not reported.
func (c *Cache) reportUntrusted(err error) {
	if c.report != nil && errors.Is(err, safefile.ErrNotTrusted) {
		c.report(err)
	}
}
