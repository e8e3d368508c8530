package tokencache

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

// errNotWarm: the entry cannot have a warm entry.
var errNotWarm = errors.New("no warm entry")

// Remember writes a warm entry, from which package warm answers the same get again. e is
// the login as Get or Stored returned it or as Put cached it. environment is the text of
// warmfile.Environment. files are the files that determined the choice of e, including
// its SSO token file; the caller looked at them before it read them.
//
// A warm entry contains no password. It names the file that does, and contains the rest
// of that file's text. Any change to the file therefore invalidates the warm entry, in
// whatever order two processes write. For that reason, an encrypted cache has no warm
// entries. After an error, the next get is only slower.
func (c *Cache) Remember(e Entry, environment string, files []warmfile.File) error {
	if !warmfile.Supported || c.vault != nil || !c.usable() || !seen(e.TokenFile, files) {
		return errNotWarm
	}
	w := warmfile.Entry{Key: warmfile.Key(e.Host, environment), Login: c.name(e), Files: files}
	e = e.normalized()
	w.From, w.Until = e.ExpiresAt.Add(-maxLifetime).Unix(), e.ExpiresAt.Unix()
	if !e.Stored {
		w.Until = e.ExpiresAt.Add(-margin).Unix()
		if !e.CheckAt.IsZero() {
			w.Until = min(w.Until, e.CheckAt.Unix())
		}
		if !c.nothingStored(e.Host, &w) {
			return errNotWarm
		}
	}
	var ok bool
	if w.Before, w.After, ok = frame(e); !ok {
		return errNotWarm
	}
	text, ok := warmfile.Marshal(w)
	if !ok {
		return errNotWarm
	}
	path := filepath.Join(c.dir, warmfile.Name(e.Host, w.Key))
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
func frame(e Entry) (before, after string, ok bool) {
	data, err := marshal(e)
	if err != nil || e.Username != "AWS" || !warmfile.Plain(e.Password.Reveal()) {
		return "", "", false
	}
	const start = `,"username":"AWS","password":"`
	before, after, ok = strings.Cut(strings.TrimSuffix(string(data), "\n"), start+e.Password.Reveal()+`"`)
	return before + start, `"` + after, ok
}

// warmOf reports whether a file is a warm entry of the host, of any version.
func warmOf(host, file string) bool {
	return strings.HasPrefix(file, warmfile.Prefix(host)) && strings.Contains(file, ".warm")
}
