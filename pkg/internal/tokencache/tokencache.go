// Package tokencache stores ECR logins. Each entry is one file of mode 0600, in a directory
// of mode 0700. Entries are in plain text, or their passwords are encrypted with the
// caller's key.
//
// The package does not use the network. It never returns an expired login or a login that
// another user may have written. If encryption is selected, it writes no plain text. File
// names are digests.
package tokencache

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

const (
	// Margin is the time before its expiry at which a fetched login is no longer used:
	// Docker may need it minutes later.
	Margin = 10 * time.Minute
	// maxLifetime is the lifetime of an ECR login plus an hour. An entry with a longer
	// lifetime was written by hand or while the clock was wrong.
	maxLifetime = 13 * time.Hour
)

// ErrBadEntry: an entry cannot be cached (see Put).
var ErrBadEntry = errors.New("not a login that can be cached")

// ErrNoEntries: the cache has no directory, or WithoutEntries returned it.
var ErrNoEntries = errors.New("logins are not cached")

// Key identifies a login by its owner, registry and endpoint. It contains no part of the
// login. Identity must contain neither a secret nor an access key ID, which changes with
// every role session.
type Key struct {
	Host     string // the registry
	Identity string // the identity of the credentials that fetched the login
	Endpoint string // the API endpoint, after overrides
	// TokenFile is the absolute path of the identity's SSO token file, or empty if it has
	// none. SignIn is the current sign-in in that file (awscache.SignIn). If TokenFile is
	// set and SignIn is empty, no entry matches.
	TokenFile, SignIn string
}

// Entry is one cached login and the conditions for its validity.
type Entry struct {
	Host, Identity, Endpoint string // the Key; a stored entry has only Host
	Profile                  string // for display
	Username                 string
	Password                 secret.Secret
	ExpiresAt, IssuedAt      time.Time
	// TokenFile is the absolute path of the entry's SSO token file. SignIn is the sign-in
	// that the login is from. The entry is valid only while the session's current sign-in
	// is the same. Both are empty for other credentials.
	TokenFile, SignIn string
	// CheckAt is the time at which the entry must be checked. From then on it is valid only
	// if the digest of the current credentials equals Credentials (see Checked). Zero: no
	// check.
	CheckAt time.Time
	// Credentials is a digest of the access key ID, or empty if CheckAt is zero.
	Credentials string
	// RenewAt is the time at which a machine renews the login while it is still valid, or
	// zero.
	RenewAt time.Time
	// Stored reports whether the entry is from docker login. Otherwise it was fetched.
	Stored bool
}

// Cache is a directory with entries.
type Cache struct {
	dir     string
	now     func() time.Time
	noEntry bool // see WithoutEntries
	vault   *vault
	report  func(error)
}

// Open returns the cache in dir, an absolute path. The first Put creates the directory.
// If dir is not absolute, there is no cache: reads miss and writes do nothing. now is the
// wall clock.
func Open(dir string, now func() time.Time) *Cache {
	if !filepath.IsAbs(dir) {
		dir = ""
	}
	return &Cache{dir: dir, now: now}
}

// Reporting returns a cache that calls report if the directory or an entry is not trusted
// (safefile.ErrNotTrusted), or if there is no key for the passwords (ErrNoKey). The
// operation continues without the cache. The cache may report the same error more than
// once.
func (c *Cache) Reporting(report func(error)) *Cache {
	reporting := *c
	reporting.report = report
	return &reporting
}

// WithoutEntries returns a cache in the same directory that has no entries: reads miss
// and Put does nothing, but LockPath works. It deletes nothing; see EraseOtherForms.
func (c *Cache) WithoutEntries() *Cache {
	without := *c
	without.noEntry = true
	return &without
}

// EraseOtherForms deletes the entries that this cache must not leave on the disk: all
// entries for a cache without entries, and plain-text entries for an encrypted cache.
// They may be from an earlier setting.
func (c *Cache) EraseOtherForms() {
	switch {
	case c.noEntry:
		c.removeAll(version, sealedVersion, warmfile.Suffix)
	case c.vault != nil:
		c.removeAll(version, warmfile.Suffix)
	}
}

// lockDir contains the lock files and the refresh notes (awscache).
const lockDir = "locks"

// LockPath returns the path of an operation's lock file, or "" if the cache has no
// directory. kind is the caller's word for the operation ("host", "role"), and name is
// the object of the operation.
func (c *Cache) LockPath(kind, name string) string {
	if c.dir == "" {
		return ""
	}
	return filepath.Join(c.dir, lockDir, kind+"-"+digest(name))
}

// SignInLock returns the lock file for signing in to the session with that token file.
func (c *Cache) SignInLock(tokenFile string) string { return c.LockPath("login", tokenFile) }

// TokenLock returns the lock file for writing a token file.
func (c *Cache) TokenLock(tokenFile string) string { return c.LockPath("session", tokenFile) }

// The version is part of the file name, not of the content. This program therefore
// neither misreads nor overwrites the entries of a newer version.
const (
	version       = ".v1.json"
	sealedVersion = ".v1.sealed.json" // the password is encrypted
	// asideSuffix is appended to the name of a damaged entry when it is replaced.
	asideSuffix = ".bad"
)

// name returns the file name of an entry. All file names of a host start with its digest.
func (c *Cache) name(entry Entry) string {
	ending := version
	if c.vault != nil {
		ending = sealedVersion
	}
	if entry.Stored {
		return digest(entry.Host) + "-stored" + ending
	}
	return digest(entry.Host) + "-" + digest(entry.Identity+"\x00"+entry.Endpoint+"\x00"+entry.TokenFile) + ending
}

// digest returns the first 8 bytes of a digest, enough to prevent accidental collisions.
// A deliberate collision is harmless, because readers compare the key in the file.
func digest(s string) string { return secret.Digest(s)[:16] }

const (
	maxPassword = 64 << 10
	// maxText limits the other fields. The longest one is a session's start URL.
	maxText = 8 << 10
	// maxFile is larger than the longest entry with every byte escaped.
	maxFile = 1 << 20
)

// record is an entry on disk. Its password is either in plain text and protected by the
// file's mode, like the AWS CLI's tokens, or encrypted (Sealed).
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
	RenewAt   time.Time `json:"renew_at,omitzero"`
	Stored    bool      `json:"stored,omitempty"`
}

// normalized returns the entry in its file form, with dates in UTC and whole seconds.
func (e Entry) normalized() Entry {
	e.IssuedAt, e.ExpiresAt = e.IssuedAt.UTC().Truncate(time.Second), e.ExpiresAt.UTC().Truncate(time.Second)
	e.CheckAt, e.RenewAt = e.CheckAt.UTC().Truncate(time.Second), e.RenewAt.UTC().Truncate(time.Second)
	return e
}

func (e Entry) record() record {
	return record{
		e.Host, e.Identity, e.Endpoint, e.Profile, e.Username, e.Password.Reveal(), nil,
		e.ExpiresAt.UTC(), e.IssuedAt.UTC(), e.TokenFile, e.SignIn, e.CheckAt.UTC(), e.Credentials, e.RenewAt.UTC(), e.Stored,
	}
}

func (r record) entry() Entry {
	return Entry{
		r.Host, r.Identity, r.Endpoint, r.Profile, r.Username, secret.New(r.Password),
		r.ExpiresAt.UTC(), r.IssuedAt.UTC(), r.TokenFile, r.SignIn, r.CheckAt.UTC(), r.Creds, r.RenewAt.UTC(), r.Stored,
	}
}

func (r record) marshal() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: dates", ErrBadEntry)
	}
	return append(data, '\n'), nil
}

func marshal(entry Entry) ([]byte, error) { return entry.record().marshal() }

func parse(data []byte) (Entry, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return Entry{}, err
	}
	entry := r.entry()
	return entry, entry.check()
}

// check returns an error for a value that would change when the entry is read back, or
// that would break Docker's protocol. The error names the field and never contains its
// value.
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
			// JSON would replace the invalid bytes.
			return fmt.Errorf("%w: %s is not UTF-8", ErrBadEntry, f.name)
		case f.name != "identity" && strings.ContainsAny(f.text, "\x00\r\n"):
			// The identity may use these characters to join its parts. It is never printed.
			return fmt.Errorf("%w: control character in the %s", ErrBadEntry, f.name)
		}
	}
	return nil
}

// Errors from an encrypted cache.
var (
	// ErrNoKey: the key is not available, so nothing is read or written.
	ErrNoKey = errors.New("no key for the token cache")
	// errSealed: the entry was encrypted with another key, or it was changed.
	errSealed = errors.New("not encrypted with this key")
)

// Encrypted returns a cache in the same directory whose passwords are encrypted with
// AES-256-GCM. The entry's other fields (registry, identity, endpoint, dates) are the
// additional data, so a password cannot be moved to another entry. key returns 32 bytes.
// The cache calls it once, when it first reads or writes a password. If key fails, reads
// miss and writes return ErrNoKey; nothing is written in plain text. Encrypted deletes
// nothing; see EraseOtherForms.
func (c *Cache) Encrypted(key func() (secret.Secret, error)) *Cache {
	sealed := *c
	sealed.vault = &vault{aead: sync.OnceValues(func() (cipher.AEAD, error) {
		k, err := key()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
		}
		if len(k.Reveal()) != keySize {
			return nil, fmt.Errorf("%w: it is not %d bytes long", ErrNoKey, keySize)
		}
		block, err := aes.NewCipher([]byte(k.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
		}
		return cipher.NewGCMWithRandomNonce(block)
	})}
	return &sealed
}

// keySize selects AES-256. With shorter keys, the library would use AES-128 or AES-192.
const keySize = 32

// vault encrypts and decrypts passwords.
type vault struct{ aead func() (cipher.AEAD, error) }

// seal returns the record with an encrypted password.
func (v *vault) seal(r record) (record, error) {
	aead, err := v.aead()
	if err != nil {
		return record{}, err
	}
	password := r.Password
	r.Password, r.Sealed = "", nil
	around, err := r.marshal()
	if err != nil {
		return record{}, err
	}
	r.Sealed = aead.Seal(nil, nil, []byte(password), label(around)) //nolint:gosec // this AEAD makes a random nonce itself
	return r, nil
}

// open returns the record with a decrypted password.
func (v *vault) open(r record) (record, error) {
	aead, err := v.aead()
	if err != nil {
		return record{}, err
	}
	sealed := r.Sealed
	r.Password, r.Sealed = "", nil
	around, err := r.marshal()
	if err != nil {
		return record{}, errSealed
	}
	password, err := aead.Open(nil, nil, sealed, label(around))
	if err != nil {
		return record{}, errSealed
	}
	r.Password = string(password)
	return r, nil
}

// label adds the format version, which is only in the file name.
func label(around []byte) []byte { return append([]byte(sealedVersion+"\x00"), around...) }

// reportNoKey reports an unavailable key. An entry encrypted with another key is only a
// miss: the keychain has a new key.
func (c *Cache) reportNoKey(err error) {
	if c.report != nil && errors.Is(err, ErrNoKey) {
		c.report(err)
	}
}

// RenewAt returns a random time at which a machine renews a login. Machines that started
// together therefore do not renew together. A machine renews its first login at any time
// after the first twelfth of its lifetime (one hour of twelve), which spreads the
// machines over the day. It renews each later login in the login's last hour, which keeps
// the machines spread. jitter returns a random duration from 0 to its argument.
func RenewAt(issued, expires time.Time, first bool, jitter func(time.Duration) time.Duration) time.Time {
	latest := expires.Add(-Margin)
	earliest := expires.Add(-time.Hour)
	if first {
		earliest = issued.Add(expires.Sub(issued) / 12)
	}
	if earliest.Before(issued) {
		earliest = issued
	}
	if !earliest.Before(latest) {
		return latest
	}
	return earliest.Add(jitter(latest.Sub(earliest)))
}
