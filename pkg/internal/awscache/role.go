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

// AWS CLI v2 caches SSO role credentials in ~/.aws/cli/cache/<sha1>.json. Sharing the file
// saves portal calls in both programs. It remains usable as long as the credentials are
// valid. An unusable file is a cache miss, not an error. The assume-role files in the same
// directory are not changed.

const (
	roleProvider = "sso"
	// minLeft is the limit below which the AWS CLI gets new credentials from the portal.
	minLeft = 15 * time.Minute
	// maxLeft is one hour more than the longest session of a permission set. A later expiry
	// comes from a wrong clock or an edited file.
	maxLeft = 13 * time.Hour
	// maxAhead is how far the clock of a file server may be ahead.
	maxAhead = time.Minute
)

// Reasons for not caching credentials.
var (
	// ErrIncomplete means that the key, secret, session token or expiration is missing.
	ErrIncomplete = errors.New("incomplete credentials")
	// ErrUnprintable means that a value cannot be used in a request header.
	ErrUnprintable = errors.New("credentials with blanks or control characters")
)

// RoleKey identifies a role: an account, a role name and either the name of the SSO session
// or, for a profile without a session, the start URL exactly as configured.
type RoleKey struct{ Account, Role, Session, StartURL string }

// Credentials is the result of the portal's GetRoleCredentials. Account may be empty,
// because older files do not contain it.
type Credentials struct {
	AccessKeyID                   string
	SecretAccessKey, SessionToken secret.Secret
	Expiration                    time.Time // UTC, whole seconds
	Account                       string
}

// RolePath returns a role's cache file below home. The file name is the SHA-1 of the key as
// minified JSON with sorted keys, so it cannot lead to another directory. If home is empty,
// it returns env.ErrNoHome.
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
	// another user's credentials, because the AWS CLI does not remove it at sign-in.
	SignedIn time.Time
	Now      time.Time
}

// ReadRole returns the credentials in the file at path if they are for an SSO role in the
// account, were written after the sign-in, and are valid for between 15 minutes and 13
// hours. Otherwise, if another user owns or can write to the file, or after any error, ok
// is false. The caller then calls the portal. A file with a date in the future is not used,
// unless the sign-in has one too: the clock was set back, perhaps before the sign-in.
func ReadRole(path string, w WantedRole) (Credentials, bool) {
	data, info, err := safefile.ReadSharedInfo(path, maxFile)
	if err != nil || !info.ModTime().After(w.SignedIn) {
		return Credentials{}, false
	}
	creds, err := parseRole(data)
	if err != nil || creds.Account != "" && creds.Account != w.Account {
		return Credentials{}, false
	}
	now := w.Now.Round(0) // wall clock, because the computer may have been suspended
	if latest := now.Add(maxAhead); info.ModTime().After(latest) && !w.SignedIn.After(latest) {
		return Credentials{}, false
	}
	left := creds.Expiration.Sub(now)
	return creds, minLeft <= left && left <= maxLeft
}

// WriteRole atomically replaces the file, in the AWS CLI's format. It does not sync: a
// damaged file is only a cache miss, here and in the AWS CLI. New files have mode 0600 and
// new directories 0700. An existing file keeps its mode, unless ReadRole would not trust
// it; in that case, a new file replaces it.
//
// Right before replacing the file, WriteRole calls still, which reports whether the sign-in
// that the credentials came from is still current. If not, it writes nothing and returns
// safefile.ErrOutdated.
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
