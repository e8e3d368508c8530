package tokencache

import (
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/secret"
)

// Holds reports whether the password is one that Get or Stored could answer with
// for the host now, whoever it was made for: a docker login with it brings
// nothing new.
func (c *Cache) Holds(host string, password secret.Secret) bool {
	if !c.usable() {
		return false
	}
	for _, file := range c.files(lookAt) {
		if e, ok := c.read(file); ok && name(e) == file && e.Host == host && e.Password.Equal(password) {
			return true
		}
	}
	return false
}

// usable reports whether there is a directory of ours alone to look into.
func (c *Cache) usable() bool {
	return c.dir != "" && !c.noEntry && safefile.CheckDir(c.dir) == nil
}
