// Package tokencache stores ECR tokens: one file of mode 0600 per entry, in one directory
// of mode 0700, in plain text or with passwords that are encrypted with the caller's key.
//
// It does not use the network. It does not return an expired token or one that another
// user may have written, and writes no plain text if encryption is selected. File names
// are digests. It imports floors 0 and 1.
package tokencache

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

const (
	// margin before the expiry: docker may use the token minutes later.
	margin = 10 * time.Minute
	// maxLifetime is an hour more than any ECR token lives. What claims more was
	// written under a broken clock, or by hand.
	maxLifetime = 13 * time.Hour
)

// ErrBadEntry: an entry that must not be cached (see Put).
var ErrBadEntry = errors.New("not a token that can be kept")

// ErrNoEntries: the cache has no entries, because it has no directory or by
// WithoutEntries.
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

// Reporting returns a cache that calls report when it cannot use the directory or an
// entry because it is not trusted (safefile.ErrNotTrusted), or passwords because there is
// no key (ErrNoKey). The operation continues without the cache. It may report the same
// error more than once.
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

// lockDir has the lock files, and the notes of refreshes next to them (ssotoken).
const lockDir = "locks"

// LockPath returns the lock file for an operation: kind is the caller's word for it
// ("host", "role"), name its object. Without a directory it is "".
func (c *Cache) LockPath(kind, name string) string {
	if c.dir == "" {
		return ""
	}
	return filepath.Join(c.dir, lockDir, kind+"-"+digest(name))
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

const (
	maxPassword = 64 << 10
	// maxText bounds the other fields; a session's start URL is the longest.
	maxText = 8 << 10
	// maxFile is above what the longest entry takes with every byte escaped.
	maxFile = 1 << 20
)

// record is an entry on disk. Passwords are in plain text, as the AWS CLI's own tokens,
// and protected by the file's mode; or they are encrypted (Sealed).
type record struct {
	Host      string    `json:"host"`
	Identity  string    `json:"identity"`
	Endpoint  string    `json:"endpoint"`
	Profile   string    `json:"profile,omitempty"`
	Username  string    `json:"username"`
	Password  string    `json:"password,omitempty"`
	Sealed    []byte    `json:"sealed,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
	IssuedAt  time.Time `json:"issued_at"`
	TokenFile string    `json:"token_file,omitempty"`
	SignIn    string    `json:"sign_in,omitempty"`
	CheckAt   time.Time `json:"check_at,omitzero"`
	Creds     string    `json:"credentials,omitempty"`
	Stored    bool      `json:"stored,omitempty"`
}

// normalized returns the entry as it is written: dates are in UTC and whole seconds.
func (e Entry) normalized() Entry {
	e.IssuedAt, e.ExpiresAt = e.IssuedAt.UTC().Truncate(time.Second), e.ExpiresAt.UTC().Truncate(time.Second)
	e.CheckAt = e.CheckAt.UTC().Truncate(time.Second)
	return e
}

func (e Entry) record() record {
	return record{
		e.Host, e.Identity, e.Endpoint, e.Profile, e.Username, e.Password.Reveal(), nil,
		e.ExpiresAt.UTC(), e.IssuedAt.UTC(), e.TokenFile, e.SignIn, e.CheckAt.UTC(), e.Credentials, e.Stored,
	}
}

func (r record) entry() Entry {
	return Entry{
		r.Host, r.Identity, r.Endpoint, r.Profile, r.Username, secret.New(r.Password),
		r.ExpiresAt.UTC(), r.IssuedAt.UTC(), r.TokenFile, r.SignIn, r.CheckAt.UTC(), r.Creds, r.Stored,
	}
}

func (r record) marshal() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: dates", ErrBadEntry)
	}
	return append(data, '\n'), nil
}

func marshal(e Entry) ([]byte, error) { return e.record().marshal() }

func parse(data []byte) (Entry, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return Entry{}, err
	}
	e := r.entry()
	return e, e.check()
}

// check finds what could not be read back as it is, or would break docker's
// protocol. The error names the field and never shows it.
func (e Entry) check() error {
	switch {
	case e.Host == "":
		return fmt.Errorf("%w: no host", ErrBadEntry)
	case e.Username == "":
		return fmt.Errorf("%w: no user name", ErrBadEntry)
	case e.Password.Empty():
		return fmt.Errorf("%w: no password", ErrBadEntry)
	case len(e.Password.Reveal()) > maxPassword:
		return fmt.Errorf("%w: password longer than %d bytes", ErrBadEntry, maxPassword)
	case e.ExpiresAt.IsZero():
		return fmt.Errorf("%w: no expiry", ErrBadEntry)
	case e.TokenFile != "" && !filepath.IsAbs(e.TokenFile):
		return fmt.Errorf("%w: relative token file", ErrBadEntry)
	}
	for _, f := range []struct{ name, text string }{
		{"host", e.Host}, {"identity", e.Identity}, {"endpoint", e.Endpoint}, {"profile", e.Profile},
		{"user name", e.Username}, {"password", e.Password.Reveal()}, {"token file", e.TokenFile},
		{"sign-in", e.SignIn}, {"credentials", e.Credentials},
	} {
		switch {
		case f.name != "password" && len(f.text) > maxText:
			return fmt.Errorf("%w: %s longer than %d bytes", ErrBadEntry, f.name, maxText)
		case !utf8.ValidString(f.text):
			// JSON would replace what is invalid.
			return fmt.Errorf("%w: %s is no UTF-8", ErrBadEntry, f.name)
		case f.name != "identity" && strings.ContainsAny(f.text, "\x00\r\n"):
			// The identity may join its parts with these; it is never printed.
			return fmt.Errorf("%w: control character in the %s", ErrBadEntry, f.name)
		}
	}
	return nil
}
