// Package tokencache owns this program's own store of ECR tokens: one file of
// mode 0600 per entry, in one directory of mode 0700, as plain text or with the
// passwords encrypted by a key that somebody else keeps.
//
// It never uses the network, never returns a token past its expiry or one that
// another user may have planted, never writes plain text where encryption was
// asked for, and never names a file after what it was asked for: names are
// digests. It may import floors 0 and 1. credhelper calls it for every operation
// of the protocol, setup and the command for its locks, and a logout to clear.
package tokencache

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

const (
	// margin before the expiry: docker may use the token minutes later.
	margin = 10 * time.Minute
	// longest is an hour more than any ECR token lives. What claims more was
	// written under a broken clock, or by hand.
	longest = 13 * time.Hour
)

// ErrBadEntry: an entry that must not be kept (see Put).
var ErrBadEntry = errors.New("not a token that can be kept")

// ErrNoEntries: Store found a cache without entries: no directory, or locks only.
var ErrNoEntries = errors.New("logins are not cached")

// Key says whose token, for which registry, from where: never any part of the
// answer. Identity must not contain a secret or an access key id, which is new
// with every role session.
type Key struct {
	Host     string // the registry as asked for
	Identity string // whose credentials fetched the token
	Endpoint string // the API endpoint in use, overrides included
	// TokenFile is the absolute path of the SSO token file behind the identity, ""
	// if there is none, and SignIn the sign-in whose token it holds now
	// (ssotoken.SignIn). With a file and no sign-in, nothing is found.
	TokenFile, SignIn string
}

// Entry is one token and what it hangs on.
type Entry struct {
	Host, Identity, Endpoint string // the Key; a stored entry has a Host only
	Profile                  string // for display
	Username                 string
	Password                 secret.Secret
	ExpiresAt, IssuedAt      time.Time
	// TokenFile is the absolute path of the SSO token file behind the entry, and
	// SignIn the sign-in that it came from: it counts only while that is the
	// session's current one. Both are "" for other credentials.
	TokenFile, SignIn string
	// CheckAt is when an entry no longer counts until its credentials have been
	// asked for again and are still those of Credentials (see Checked); zero: never.
	CheckAt time.Time
	// Credentials is a digest of the access key id; "" where CheckAt is zero.
	Credentials string
	// Stored tells what docker login left from what was fetched.
	Stored bool
}

// Cache is a directory of entries.
type Cache struct {
	dir     string
	now     func() time.Time
	noEntry bool // see WithoutEntries
	vault   *vault
	report  func(error)
}

// Open returns the cache in dir, an absolute path, which the first Put makes.
// With any other dir there is no cache: reads miss, writes do nothing. now is
// the wall clock.
func Open(dir string, now func() time.Time) *Cache {
	if !filepath.IsAbs(dir) {
		dir = ""
	}
	return &Cache{dir: dir, now: now}
}

// Reporting returns the same cache with somebody to tell why it is not used
// although it is there: a directory or an entry that is not trusted
// (safefile.ErrNotTrusted), a key that cannot be had (ErrNoKey). The call goes on
// without the cache, and may tell the same more than once.
func (c *Cache) Reporting(report func(error)) *Cache {
	reporting := *c
	reporting.report = report
	return &reporting
}

// WithoutEntries returns a cache in the same directory that has no entries: reads miss
// and Put does nothing, but LockPath works. It deletes nothing, see EraseOtherForms.
func (c *Cache) WithoutEntries() *Cache {
	without := *c
	without.noEntry = true
	return &without
}

// EraseOtherForms deletes the entries that this cache must not leave on the disk: all
// entries for a cache without entries, and those in plain text for an encrypted one.
// An earlier setting may have written them.
func (c *Cache) EraseOtherForms() {
	switch {
	case c.noEntry:
		c.removeAll(version, sealedVersion, warmfile.Suffix)
	case c.vault != nil:
		c.removeAll(version, warmfile.Suffix)
	}
}

// LockPath is where processes that want the same thing queue up: kind is a
// plain word of the caller's ("host", "role"), name is what they want. Without
// a cache it is "".
func (c *Cache) LockPath(kind, name string) string {
	if c.dir == "" {
		return ""
	}
	return filepath.Join(c.dir, "locks", kind+"-"+digest(name))
}

// Versions are in the file's name, not in the file: a newer program's entries are
// neither misread nor overwritten.
const (
	version       = ".v1.json"
	sealedVersion = ".v1.sealed.json" // the password encrypted
	// asideSuffix is what a damaged entry's name gets when a good one takes its place.
	asideSuffix = ".bad"
)

// name of an entry's file. All files of a host share its digest at the start.
func (c *Cache) name(e Entry) string {
	ending := version
	if c.vault != nil {
		ending = sealedVersion
	}
	if e.Stored {
		return digest(e.Host) + "-stored" + ending
	}
	return digest(e.Host) + "-" + digest(e.Identity+"\x00"+e.Endpoint+"\x00"+e.TokenFile) + ending
}

// digest returns the first 8 bytes of a digest: enough against an accidental collision.
// A deliberate one is harmless, because readers compare the key in the file.
func digest(s string) string { return secret.Digest(s)[:16] }
