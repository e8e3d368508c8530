package tokencache

import (
	"os"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/safefile"
)

// EraseSession drops the entries that stand or fall with the SSO token file,
// which may be gone already. What cannot be removed stays, and answers nobody
// without that file.
func (c *Cache) EraseSession(tokenFile string) {
	if !c.usable() || tokenFile == "" {
		return
	}
	for _, file := range c.files(lookAt) {
		path := filepath.Join(c.dir, file)
		data, err := safefile.ReadOwn(path, maxFile)
		if err != nil {
			continue
		}
		if e, err := parse(data); err == nil && e.TokenFile == tokenFile {
			_ = os.Remove(path)
		}
	}
}
