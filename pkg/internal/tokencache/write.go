package tokencache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

const (
	// maxListed limits the entries that are read for a list or a comparison.
	maxListed = 1000
	// sweepEvery is the time between two sweeps of the directory, and maxSwept the number
	// of files in a sweep, so that a fetch does not always check thousands of files.
	sweepEvery = time.Hour
	maxSwept   = 20_000
	// maxAge is the age at which an entry has expired, whatever its content: an entry is
	// valid for 13 hours at most.
	maxAge = maxLifetime + time.Hour
)

// Put caches a fetched login, and once an hour deletes expired entries. It replaces an
// untrusted file, renames a damaged one, and returns safefile.ErrNotTrusted for an
// untrusted directory. ErrBadEntry: no host, user name, password or expiry, a password of
// more than 64 KiB, a line break or NUL. ErrNoKey: the cache is encrypted and has no key;
// nothing was written. After an error, the next get has to call AWS again.
func (c *Cache) Put(entry Entry) error {
	entry.Stored = false
	return c.write(entry)
}

// Store stores the login of docker login until its expiry, but for 13 hours at most: no
// ECR login is valid longer. The errors are those of Put and ErrNoEntries, because the
// user of docker login must know that the login was not stored.
func (c *Cache) Store(entry Entry) error {
	if c.dir == "" || c.noEntry {
		return ErrNoEntries
	}
	entry.Stored = true
	if latest := c.now().Round(0).Add(maxLifetime); entry.ExpiresAt.After(latest) {
		entry.ExpiresAt = latest
	}
	return c.write(entry)
}

func (c *Cache) write(entry Entry) error {
	if entry.IssuedAt.IsZero() {
		entry.IssuedAt = c.now()
	}
	entry = entry.normalized()
	if err := entry.check(); err != nil {
		return err
	}
	if c.dir == "" || c.noEntry {
		return nil
	}
	r := entry.record()
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
	path := filepath.Join(c.dir, c.name(entry))
	c.setAside(path)
	if err := safefile.WriteOwn(path, data); err != nil {
		return fmt.Errorf("token cache: %w", err)
	}
	return nil
}

// setAside renames a damaged entry, so that it can be examined: one for each entry, until
// a sweep or an erase deletes it.
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

// sweep deletes temporary files of killed processes and expired entries, once an hour. It
// uses the date of the file, because reading each entry would take too long.
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
	for _, dir := range []string{c.dir, filepath.Join(c.dir, lockDir)} {
		safefile.Sweep(dir, now.Add(-safefile.OrphanAge))
	}
	for _, file := range c.list(maxSwept, version, sealedVersion, asideSuffix, warmfile.Suffix) {
		path := filepath.Join(c.dir, file)
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && info.ModTime().Before(now.Add(-maxAge)) {
			_ = os.Remove(path)
		}
	}
}

// removeAll deletes the entries with these endings, and their damaged copies.
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

// Erase deletes all entries of a host, stored and fetched, of any version. It is not an
// error if there are none.
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
	// Read all names before the first removal: a directory that changes while it is read
	// may skip some.
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

// EraseSessions deletes the entries whose SSO token file no longer exists. They are not
// used any more, but their passwords would remain on the disk. It also deletes damaged
// entries, because their session is unknown, and all warm entries, which the next gets
// create again.
func (c *Cache) EraseSessions() {
	if !c.usable() {
		return
	}
	c.removeAll(warmfile.Suffix, asideSuffix)
	c.eraseWhere(func(r record) bool {
		_, err := os.Stat(r.TokenFile)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// EraseSession deletes the entries of a session that come from any sign-in except the
// given one, because they are not used any more. It also deletes damaged entries.
func (c *Cache) EraseSession(tokenFile, but string) {
	if !c.usable() {
		return
	}
	c.removeAll(asideSuffix)
	c.eraseWhere(func(r record) bool { return r.TokenFile == tokenFile && (but == "" || r.SignIn != but) })
}

// eraseWhere deletes entries of SSO sessions for which dead is true.
func (c *Cache) eraseWhere(dead func(record) bool) {
	for _, file := range c.list(-1, version, sealedVersion) {
		path := filepath.Join(c.dir, file)
		data, err := safefile.ReadOwn(path, maxFile)
		if err != nil {
			continue
		}
		var r record // a password that is encrypted need not be decrypted
		if json.Unmarshal(data, &r) != nil || !filepath.IsAbs(r.TokenFile) {
			continue
		}
		if dead(r) {
			_ = safefile.Remove(path)
		}
	}
}

// errNotWarm: the entry cannot have a warm entry.
var errNotWarm = errors.New("no warm entry")

// Remember writes a warm entry, from which package warm answers the same get again. host
// is the entry's registry or an alias of it. entry is the login as Get or Stored returned
// it or as Put cached it. environment is the text of warmfile.Environment. files are the
// files that determined the choice of the entry, such as the settings and its SSO token
// file; the caller looked at them before it read them.
//
// A warm entry contains no password. It names the file that does, and contains the rest
// of that file's text. Any change to the file therefore invalidates the warm entry, in
// whatever order two processes write. For that reason, an encrypted cache has no warm
// entries. After an error, the next get is only slower.
func (c *Cache) Remember(host string, entry Entry, environment string, files []warmfile.File) error {
	if !warmfile.Supported || c.vault != nil || !c.usable() || !seen(entry.TokenFile, files) {
		return errNotWarm
	}
	w := warmfile.Entry{Key: warmfile.Key(host, environment), Login: c.name(entry), Files: files}
	entry = entry.normalized()
	w.From, w.Until = entry.ExpiresAt.Add(-maxLifetime).Unix(), entry.ExpiresAt.Unix()
	if !entry.Stored {
		w.Until = entry.ExpiresAt.Add(-Margin).Unix()
		if !entry.CheckAt.IsZero() {
			w.Until = min(w.Until, entry.CheckAt.Unix())
		}
		if !c.nothingStored(entry.Host, &w) {
			return errNotWarm
		}
	}
	var ok bool
	if w.Before, w.After, ok = frame(entry); !ok {
		return errNotWarm
	}
	text, ok := warmfile.Marshal(w)
	if !ok {
		return errNotWarm
	}
	path := filepath.Join(c.dir, warmfile.Name(host, w.Key))
	if old, err := safefile.ReadOwn(path, warmfile.MaxSize); err == nil && string(old) == text {
		return nil
	}
	if err := safefile.WriteOwn(path, []byte(text)); err != nil {
		return fmt.Errorf("warm entry: %w", err)
	}
	return nil
}

// seen reports whether the token file is one of the files and existed.
func seen(tokenFile string, files []warmfile.File) bool {
	return tokenFile == "" || slices.ContainsFunc(files, func(f warmfile.File) bool {
		return f.Path == tokenFile && f.State != warmfile.Missing
	})
}

// nothingStored makes the warm entry of a fetched login valid only while the host has no
// login from docker login, or only an expired one.
func (c *Cache) nothingStored(host string, w *warmfile.Entry) bool {
	path := filepath.Join(c.dir, c.name(Entry{Host: host, Stored: true}))
	is, ok := warmfile.Look(path)
	if !ok {
		return false
	}
	w.Files = append([]warmfile.File{is}, w.Files...)
	if is.State == warmfile.Missing {
		return true
	}
	data, err := safefile.ReadOwn(path, maxFile)
	if err != nil {
		return false
	}
	stored, err := parse(data)
	if err != nil || c.now().Before(stored.ExpiresAt) {
		return false
	}
	w.From = max(w.From, stored.ExpiresAt.Unix()+1) // a stored login must not be skipped if the clock is set back
	return true
}

// frame returns the text before and after the password in the entry's file. It fails if
// that text is not enough for the answer: for another user name, or a password that JSON
// would escape.
func frame(entry Entry) (before, after string, ok bool) {
	data, err := marshal(entry)
	if err != nil || entry.Username != "AWS" || !warmfile.Plain(entry.Password.Reveal()) {
		return "", "", false
	}
	const start = `,"username":"AWS","password":"`
	before, after, ok = strings.Cut(strings.TrimSuffix(string(data), "\n"), start+entry.Password.Reveal()+`"`)
	return before + start, `"` + after, ok
}

// warmOf reports whether a file is a warm entry of the host, of any version.
func warmOf(host, file string) bool {
	return strings.HasPrefix(file, warmfile.Prefix(host)) && strings.Contains(file, ".warm")
}
