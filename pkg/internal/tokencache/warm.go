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

// errNotWarm: an entry for which there can be no warm one.
var errNotWarm = errors.New("no warm entry")

// Remember writes the warm entry from which package warm answers the same get
// again: e is the answer, as Get or Stored returned it or Put kept it; environment
// is the text of warmfile.Environment, and files what the choice of e was read
// from, the SSO token file behind e among them, looked at before. An error costs
// the next call time.
//
// The entry holds no password. It names the file that does, and everything else
// that has to stand in that file; so whatever replaces or removes the login ends
// the warm answer, in whichever order two processes write. For the same reason a
// cache whose files are not plain text has no warm entries.
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

// seen reports whether the token file is one of the files that were looked at.
func seen(tokenFile string, files []warmfile.File) bool {
	return tokenFile == "" || slices.ContainsFunc(files, func(f warmfile.File) bool {
		return f.Path == tokenFile && f.State != warmfile.Missing
	})
}

// nothingStored makes a fetched login's warm entry depend on there being none of
// a docker login, or none but one that is over.
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
	w.From = max(w.From, stored.ExpiresAt.Unix()+1) // and not before, should the clock go back
	return true
}

// frame returns what stands around the password in the entry's file. It is not
// ok where the answer is not simply put together: another user name, or a
// password that JSON would escape.
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
