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
	// maxListed limits the number of entries read for a list or a comparison.
	maxListed = 1000
	// sweepEvery is the time between two sweeps of the directory. maxSwept is the maximum
	// number of files per sweep. They prevent a fetch from checking thousands of files
	// every time.
	sweepEvery = time.Hour
	maxSwept   = 20_000
	// maxAge is the age at which any entry has expired, regardless of its content: an entry
	// is valid for no more than 13 hours.
	maxAge = maxLifetime + time.Hour
)

// Put caches a fetched login. Once an hour, it also deletes expired entries. It replaces
// an untrusted file, renames a damaged one, and returns safefile.ErrNotTrusted for an
// untrusted directory. ErrBadEntry: no host, user name, password or expiry; a password of
// more than 64 KiB; a line break or NUL. ErrNoKey: the cache is encrypted and has no key;
// nothing was written. After an error, the next get must call AWS again.
func (c *Cache) Put(entry Entry) error {
	entry.Stored = false
	return c.write(entry)
}

// Store stores a login from docker login until its expiry, but no longer than 13 hours:
// no ECR login is valid longer. In addition to the errors of Put, it returns
// ErrNoEntries: the user of docker login must be told that the login was not stored.
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

// setAside renames a damaged entry for later examination. It keeps one file per entry,
// until a sweep or an erase deletes it.
func (c *Cache) setAside(path string) {
	data, err := safefile.ReadOwn(path, maxFile)
	switch {
	case errors.Is(err, safefile.ErrTooLarge):
	case err != nil:
		return // no file, or not this program's file
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

// sweep deletes expired entries and the temporary files of killed processes, once an
// hour. It uses the file date, because reading each entry would take too long.
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

// removeAll deletes the entries with these endings and their damaged copies.
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

// Erase deletes all entries of a host, stored and fetched, of any version. A host without
// entries is not an error.
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
	// Read all names before the first removal. Reading a directory while it changes may
	// skip some.
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

// EraseSessions deletes the entries whose SSO token file no longer exists. They are no
// longer used, but their passwords would remain on the disk. It also deletes damaged
// entries, because their session is unknown, and all warm entries, which later gets
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

// EraseSession deletes a session's entries from all sign-ins except but, because they are
// no longer used. It also deletes damaged entries.
func (c *Cache) EraseSession(tokenFile, but string) {
	if !c.usable() {
		return
	}
	c.removeAll(asideSuffix)
	c.eraseWhere(func(r record) bool { return r.TokenFile == tokenFile && (but == "" || r.SignIn != but) })
}

// eraseWhere deletes the SSO session entries for which dead returns true.
func (c *Cache) eraseWhere(dead func(record) bool) {
	for _, file := range c.list(-1, version, sealedVersion) {
		path := filepath.Join(c.dir, file)
		data, err := safefile.ReadOwn(path, maxFile)
		if err != nil {
			continue
		}
		var r record // an encrypted password need not be decrypted
		if json.Unmarshal(data, &r) != nil || !filepath.IsAbs(r.TokenFile) {
			continue
		}
		if dead(r) {
			_ = safefile.Remove(path)
		}
	}
}

// errNotWarm: the login cannot have a warm entry.
var errNotWarm = errors.New("no warm entry")

// PutWarm writes a warm entry, from which package warm answers the same get again. host
// is the entry's registry or an alias of it. entry is the login as Get or Stored returned
// it or as Put cached it. environment is the text of warmfile.Environment. files are the
// files that determined the choice of the entry, such as the settings and its SSO token
// file. The caller must record their states before reading them.
//
// A warm entry contains no password. It names the file with the password and contains the
// rest of that file's text. Any change to that file therefore invalidates the warm entry,
// regardless of the order in which two processes write. For that reason, an encrypted
// cache has no warm entries. After an error, the next get is only slower.
func (c *Cache) PutWarm(host string, entry Entry, environment string, files []warmfile.File) error {
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

// seen reports whether the token file is one of files and existed.
func seen(tokenFile string, files []warmfile.File) bool {
	return tokenFile == "" || slices.ContainsFunc(files, func(f warmfile.File) bool {
		return f.Path == tokenFile && f.State != warmfile.Missing
	})
}

// nothingStored limits a fetched login's warm entry: the entry is valid only while the
// host has no login from docker login, or only an expired one.
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
	w.From = max(w.From, stored.ExpiresAt.Unix()+1) // prevents skipping a stored login if the clock is set back
	return true
}

// frame returns the text before and after the password in the entry's file. It fails if
// that text is not enough for the answer: the user name is not AWS, or JSON would escape
// the password.
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
