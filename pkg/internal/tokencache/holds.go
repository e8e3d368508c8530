package tokencache

import (
	"errors"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Holds reports whether the password is one that Get or Stored could answer with
// for the host now, whoever it was made for: a docker login with it brings
// nothing new.
func (c *Cache) Holds(host string, password secret.Secret) bool {
	if !c.usable() {
		return false
	}
	for _, file := range c.files(lookAt) {
		e, ok := c.read(file, func(e Entry) bool { return c.name(e) == file && e.Host == host })
		if ok && e.Password.Equal(password) {
			return true
		}
	}
	return false
}

// usable reports whether entries can be read: the cache has entries, in a trusted
// directory.
func (c *Cache) usable() bool { return !c.noEntry && c.trusted() }

// trusted reports whether the directory exists and only this user can write to it.
func (c *Cache) trusted() bool {
	if c.dir == "" {
		return false
	}
	err := safefile.CheckDir(c.dir)
	c.doubt(err)
	return err == nil
}

// doubt tells what a person has to know: that something here is not trusted. A file
// that is not there, or that nobody can read, is a miss and no news.
func (c *Cache) doubt(err error) {
	if c.report != nil && errors.Is(err, safefile.ErrNotTrusted) {
		c.report(err)
	}
}
