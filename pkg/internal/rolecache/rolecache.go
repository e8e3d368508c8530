// Package rolecache owns the file in which AWS CLI v2 keeps the credentials of
// an SSO role, ~/.aws/cli/cache/<sha1>.json: its name, its bytes, and when what
// is in it is still used. Sharing it saves a call to the portal in both
// directions, and keeps this program working exactly as long as AWS CLI does.
//
// It never fails a read loudly (no usable file is a miss), never touches the
// assume-role files in the same directory, and never asks AWS. It may import
// floors 0 and 1, and clijson. credhelper and login call it.
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
	// minLeft is AWS CLI's own window: below it, it asks the portal again.
	minLeft = 15 * time.Minute
	// maxLeft is an hour more than a permission set's longest session; what
	// claims more was written by a broken clock or hand.
	maxLeft = 13 * time.Hour
	maxFile = 1 << 20
)

// What is wrong with credentials that are not cached.
var (
	// ErrIncomplete: credentials without key, secret, session token or expiry.
	ErrIncomplete = errors.New("incomplete credentials")
	// ErrUnprintable: a value that has no place in a request header.
	ErrUnprintable = errors.New("credentials with blanks or control characters")
)

// Key names a role: an account, a role name and either the SSO session's name
// or, for a profile without session, the start URL exactly as configured.
type Key struct{ Account, Role, Session, StartURL string }

// Credentials are what the portal's GetRoleCredentials gave. Account may be
// empty: older files lack it.
type Credentials struct {
	AccessKeyID                   string
	SecretAccessKey, SessionToken secret.Secret
	Expiration                    time.Time // UTC, whole seconds
	Account                       string
}

// Path is the cache file below home for a role. Its name is the SHA-1 of the
// key as minified JSON with sorted keys, so hostile names stay in the directory.
// An empty home is env.ErrNoHome.
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

// Wanted says which credentials Read may return.
type Wanted struct {
	Account string
	// SignedIn is when the session's current sign-in took place. A file that is
	// not newer may hold the credentials of another person's sign-in: the AWS CLI
	// leaves it when somebody signs in.
	SignedIn time.Time
	Now      time.Time
}

// Read returns the credentials in the file at path if they are an SSO role's in
// the account, were written after the sign-in, and last at least 15 minutes and at
// most 13 hours more. A file that others own or can write is not believed. In all
// these cases, and whatever else is wrong, ok is false: ask the portal.
func Read(path string, w Wanted) (Credentials, bool) {
	data, info, err := safefile.ReadSharedInfo(path, maxFile)
	if err != nil || !info.ModTime().After(w.SignedIn) {
		return Credentials{}, false
	}
	creds, err := parse(data)
	if err != nil || creds.Account != "" && creds.Account != w.Account {
		return Credentials{}, false
	}
	left := creds.Expiration.Sub(w.Now.Round(0)) // wall clock: the laptop may have slept
	return creds, minLeft <= left && left <= maxLeft
}

// Write replaces the file atomically, in AWS CLI's bytes, without waiting for the
// disk: a damaged file is a miss, here and in AWS CLI. A new file is 0600,
// in a directory made 0700 if there is none; what exists keeps its mode, unless
// Read would not believe it: then a new file takes its place.
//
// still is asked at the last moment whether the sign-in that gave the credentials
// is still the session's current one; if not, nothing is written
// (safefile.ErrOutdated).
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
