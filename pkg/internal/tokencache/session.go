package tokencache

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

// EraseSessions drops the entries whose SSO token file is gone: they answer nobody
// any more, but their passwords would lie on the disk. What was set aside goes too,
// since a damaged entry does not say whose it was; and all warm entries, which the
// next gets make again.
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

// EraseSession drops the entries of all sign-ins to one session but the given one:
// nobody is answered with them any more. What was set aside goes too.
func (c *Cache) EraseSession(tokenFile, but string) {
	if !c.usable() {
		return
	}
	c.removeAll(asideSuffix)
	c.eraseWhere(func(r record) bool { return r.TokenFile == tokenFile && (but == "" || r.SignIn != but) })
}

// eraseWhere drops entries that came from an SSO session.
func (c *Cache) eraseWhere(dead func(record) bool) {
	for _, file := range c.list(-1, version, sealedVersion) {
		path := filepath.Join(c.dir, file)
		data, err := safefile.ReadOwn(path, maxFile)
		if err != nil {
			continue
		}
		var r record // a sealed password stays sealed
		if json.Unmarshal(data, &r) != nil || !filepath.IsAbs(r.TokenFile) {
			continue
		}
		if dead(r) {
			_ = safefile.Remove(path)
		}
	}
}
