package tokencache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/safefile"
)

// EraseSessions drops the entries whose SSO token file is gone: they answer nobody
// any more, but their passwords would lie on the disk.
func (c *Cache) EraseSessions() {
	if !c.usable() {
		return
	}
	for _, file := range c.files(lookAt) {
		path := filepath.Join(c.dir, file)
		data, err := safefile.ReadOwn(path, maxFile)
		if err != nil {
			continue
		}
		e, err := parse(data)
		if err != nil || e.TokenFile == "" {
			continue
		}
		if _, err := os.Stat(e.TokenFile); errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(path)
		}
	}
}
