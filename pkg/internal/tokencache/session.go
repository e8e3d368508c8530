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
		if _, err := os.Stat(r.TokenFile); errors.Is(err, fs.ErrNotExist) {
			_ = safefile.Remove(path)
		}
	}
}
