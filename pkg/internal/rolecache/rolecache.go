// Package rolecache reads and writes the file in which AWS CLI v2 caches the credentials of
// an SSO role, ~/.aws/cli/cache/<sha1>.json. The AWS CLI and this program share it, which
// saves calls to the portal in both, and both work as long as the same credentials do.
//
// A file that cannot be used is a miss, not an error. The package does not change the
// assume-role files in the same directory and does not call AWS. It imports floors 0 and
// 1. credhelper and login call it.
package rolecache

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/clijson"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	provider = "sso"
	// minLeft is the AWS CLI's limit, below which it gets new credentials from the portal.
	minLeft = 15 * time.Minute
	// maxLeft is one hour more than the longest session of a permission set. A later
	// expiry comes from a wrong clock or an edited file.
	maxLeft = 13 * time.Hour
	maxFile = 1 << 20
)

// The reasons why credentials are not cached.
var (
	// ErrIncomplete: credentials without key, secret, session token or expiry.
	ErrIncomplete = errors.New("incomplete credentials")
	// ErrUnprintable: a value that a request header cannot contain.
	ErrUnprintable = errors.New("credentials with blanks or control characters")
)

// Key names a role: an account, a role name and either the SSO session's name
// or, for a profile without session, the start URL exactly as configured.
type Key struct{ Account, Role, Session, StartURL string }

// Credentials are the result of the portal's GetRoleCredentials. Account may be empty,
// because older files do not contain it.
type Credentials struct {
	AccessKeyID                   string
	SecretAccessKey, SessionToken secret.Secret
	Expiration                    time.Time // UTC, whole seconds
	Account                       string
}

// Path returns the cache file below home for a role. Its name is the SHA-1 of the key as
// minified JSON with sorted keys, so no name can lead to another directory. With an empty
// home the error is env.ErrNoHome.
func Path(home string, k Key) (string, error) {
	o := clijson.Object{
		{Key: "accountId", Value: clijson.String(k.Account)},
		{Key: "roleName", Value: clijson.String(k.Role)},
	}
	if k.Session != "" {
		o = append(o, clijson.Member{Key: "sessionName", Value: clijson.String(k.Session)})
	} else {
		o = append(o, clijson.Member{Key: "startUrl", Value: clijson.String(k.StartURL)})
	}
	return env.AWSCacheFile(home, "cli", o.AppendMinified(nil))
}

// Wanted selects the credentials that Read may return.
type Wanted struct {
	Account string
	// SignedIn is the time of the session's current sign-in. An older file may contain
	// the credentials of another user, because the AWS CLI does not remove it at a
	// sign-in.
	SignedIn time.Time
	Now      time.Time
}

// Read returns the credentials in the file at path if they belong to an SSO role in the
// account, were written after the sign-in, and are valid for at least 15 minutes and at
// most 13 hours. ok is false for all others, for a file that another user owns or can
// write to, and after any error. The caller then calls the portal.
func Read(path string, w Wanted) (Credentials, bool) {
	data, info, err := safefile.ReadSharedInfo(path, maxFile)
	if err != nil || !info.ModTime().After(w.SignedIn) {
		return Credentials{}, false
	}
	creds, err := parse(data)
	if err != nil || creds.Account != "" && creds.Account != w.Account {
		return Credentials{}, false
	}
	left := creds.Expiration.Sub(w.Now.Round(0)) // wall clock, because the computer may have been suspended
	return creds, minLeft <= left && left <= maxLeft
}

// Write replaces the file atomically, in the AWS CLI's format. It does not wait for the
// disk: a damaged file is a miss, here and in the AWS CLI. A new file has mode 0600, a new
// directory 0700. An existing file keeps its mode, unless Read would not trust it: then a
// new file replaces it.
//
// Write calls still immediately before the file is replaced. It reports whether the
// sign-in that the credentials came from is still the session's current one. If not,
// nothing is written (safefile.ErrOutdated).
func Write(path string, creds Credentials, still func() bool) error {
	if err := creds.check(); err != nil {
		return err
	}
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	if _, err := safefile.ReadShared(path, maxFile); errors.Is(err, safefile.ErrNotTrusted) {
		if err := safefile.Remove(path); err != nil {
			return err
		}
	}
	return safefile.WriteCache(path, marshal(creds), 0o600, still)
}

func (c Credentials) check() error {
	if c.AccessKeyID == "" || c.SecretAccessKey.Empty() || c.SessionToken.Empty() || c.Expiration.IsZero() {
		return ErrIncomplete
	}
	for _, text := range []string{c.AccessKeyID, c.SecretAccessKey.Reveal(), c.SessionToken.Reveal()} {
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return ErrUnprintable
		}
	}
	return nil
}

func marshal(creds Credentials) []byte {
	inner := clijson.Object{
		{Key: "AccessKeyId", Value: clijson.String(creds.AccessKeyID)},
		{Key: "SecretAccessKey", Value: clijson.String(creds.SecretAccessKey.Reveal())},
		{Key: "SessionToken", Value: clijson.String(creds.SessionToken.Reveal())},
		{Key: "Expiration", Value: clijson.String(clijson.FormatTime(creds.Expiration))},
	}
	if creds.Account != "" {
		inner = append(inner, clijson.Member{Key: "AccountId", Value: clijson.String(creds.Account)})
	}
	return clijson.Object{
		{Key: "ProviderType", Value: clijson.String(provider)},
		{Key: "Credentials", Value: inner.Append(nil)},
	}.Append(nil)
}

func parse(data []byte) (Credentials, error) {
	outer, err := clijson.Parse(data)
	if err != nil {
		return Credentials{}, err
	}
	if kind, err := outer.Text("ProviderType"); err != nil || kind != provider {
		return Credentials{}, errors.New("not an SSO role's credentials")
	}
	inner, err := clijson.Parse(outer.Get("Credentials"))
	if err != nil {
		return Credentials{}, fmt.Errorf("credentials: %w", err)
	}
	var texts [5]string
	for i, key := range []string{"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "AccountId"} {
		if texts[i], err = inner.Text(key); err != nil {
			return Credentials{}, err
		}
	}
	creds := Credentials{
		AccessKeyID: texts[0], SecretAccessKey: secret.New(texts[1]), SessionToken: secret.New(texts[2]), Account: texts[4],
	}
	if creds.Expiration, err = clijson.ParseTime(texts[3]); err != nil {
		return Credentials{}, err
	}
	return creds, creds.check()
}
