package awscache

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// AWS CLI v2 caches the credentials of an SSO role in ~/.aws/cli/cache/<sha1>.json. Sharing
// the file saves calls to the portal in both programs, and both work as long as the same
// credentials do. A file that cannot be used is a miss, not an error. The assume-role files
// in the same directory are not changed.

const (
	roleProvider = "sso"
	// minLeft is the AWS CLI's limit, below which it gets new credentials from the portal.
	minLeft = 15 * time.Minute
	// maxLeft is one hour more than the longest session of a permission set. A later
	// expiry comes from a wrong clock or an edited file.
	maxLeft = 13 * time.Hour
)

// The reasons why credentials are not cached.
var (
	// ErrIncomplete: credentials without key, secret, session token or expiry.
	ErrIncomplete = errors.New("incomplete credentials")
	// ErrUnprintable: a value that a request header cannot contain.
	ErrUnprintable = errors.New("credentials with blanks or control characters")
)

// RoleKey names a role: an account, a role name and the SSO session's name. For a profile
// without a session, the start URL counts, exactly as configured.
type RoleKey struct{ Account, Role, Session, StartURL string }

// Credentials are the result of the portal's GetRoleCredentials. Account may be empty,
// because older files do not contain it.
type Credentials struct {
	AccessKeyID                   string
	SecretAccessKey, SessionToken secret.Secret
	Expiration                    time.Time // UTC, whole seconds
	Account                       string
}

// RolePath returns the cache file below home for a role. Its name is the SHA-1 of the key as
// minified JSON with sorted keys, so no name can lead to another directory. With an empty
// home the error is env.ErrNoHome.
func RolePath(home string, k RoleKey) (string, error) {
	o := Object{
		{Key: "accountId", Value: JSONString(k.Account)},
		{Key: "roleName", Value: JSONString(k.Role)},
	}
	if k.Session != "" {
		o = append(o, Member{Key: "sessionName", Value: JSONString(k.Session)})
	} else {
		o = append(o, Member{Key: "startUrl", Value: JSONString(k.StartURL)})
	}
	return env.AWSCacheFile(home, "cli", o.AppendMinified(nil))
}

// WantedRole selects the credentials that ReadRole may return.
type WantedRole struct {
	Account string
	// SignedIn is the time of the session's current sign-in. An older file may contain
	// the credentials of another user, because the AWS CLI does not remove it at a
	// sign-in.
	SignedIn time.Time
	Now      time.Time
}

// ReadRole returns the credentials in the file at path if they belong to an SSO role in the
// account, were written after the sign-in, and are valid for at least 15 minutes and at
// most 13 hours. ok is false for all others, for a file that another user owns or can
// write to, and after any error. The caller then calls the portal.
func ReadRole(path string, w WantedRole) (Credentials, bool) {
	data, info, err := safefile.ReadSharedInfo(path, maxFile)
	if err != nil || !info.ModTime().After(w.SignedIn) {
		return Credentials{}, false
	}
	creds, err := parseRole(data)
	if err != nil || creds.Account != "" && creds.Account != w.Account {
		return Credentials{}, false
	}
	left := creds.Expiration.Sub(w.Now.Round(0)) // wall clock, because the computer may have been suspended
	return creds, minLeft <= left && left <= maxLeft
}

// WriteRole replaces the file atomically, in the AWS CLI's format. It does not wait for the
// disk: a damaged file is a miss, here and in the AWS CLI. A new file has mode 0600, a new
// directory 0700. An existing file keeps its mode, unless ReadRole would not trust it: then a
// new file replaces it.
//
// WriteRole calls still immediately before the file is replaced. It reports whether the
// sign-in that the credentials came from is still the session's current one. If not,
// nothing is written (safefile.ErrOutdated).
func WriteRole(path string, creds Credentials, still func() bool) error {
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
	return safefile.WriteCache(path, marshalRole(creds), 0o600, still)
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

func marshalRole(creds Credentials) []byte {
	inner := Object{
		{Key: "AccessKeyId", Value: JSONString(creds.AccessKeyID)},
		{Key: "SecretAccessKey", Value: JSONString(creds.SecretAccessKey.Reveal())},
		{Key: "SessionToken", Value: JSONString(creds.SessionToken.Reveal())},
		{Key: "Expiration", Value: JSONString(FormatTime(creds.Expiration))},
	}
	if creds.Account != "" {
		inner = append(inner, Member{Key: "AccountId", Value: JSONString(creds.Account)})
	}
	return Object{
		{Key: "ProviderType", Value: JSONString(roleProvider)},
		{Key: "Credentials", Value: inner.Append(nil)},
	}.Append(nil)
}

func parseRole(data []byte) (Credentials, error) {
	outer, err := ParseObject(data)
	if err != nil {
		return Credentials{}, err
	}
	if kind, err := outer.Text("ProviderType"); err != nil || kind != roleProvider {
		return Credentials{}, errors.New("not an SSO role's credentials")
	}
	inner, err := ParseObject(outer.Get("Credentials"))
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
	if creds.Expiration, err = ParseTime(texts[3]); err != nil {
		return Credentials{}, err
	}
	return creds, creds.check()
}
