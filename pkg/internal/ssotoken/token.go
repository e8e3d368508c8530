// Package ssotoken owns the file in which the AWS CLI saves the token of an SSO session,
// ~/.aws/sso/cache/<sha1>.json: its name, its format, and its refresh, which many
// processes may need at once and which must not use the single-use refresh token twice
// or lose the new one.
//
// It does not call AWS (the caller passes a function that does), does not lock the AWS
// CLI's files or change their mode, and shows no secret in an error. It imports floors 0
// and 1.
package ssotoken

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/clijson"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// The errors of Read and Refresh; test for them with errors.Is.
var (
	// ErrMissing: there is no token file: never signed in, or signed out.
	ErrMissing = errors.New("no token file")
	// ErrOtherStartURL: the token is of a sign-in to another start URL.
	ErrOtherStartURL = errors.New("signed in to another start URL")
	// ErrDamaged: the content of the file is not a token.
	ErrDamaged = errors.New("damaged token file")
	// ErrNotRefreshable: the token expired, and the file lacks a field that a refresh
	// needs (see Token.Refreshable). The user has to sign in again.
	ErrNotRefreshable = errors.New("token cannot be refreshed")
	// ErrBadGrant: the response to a refresh has no access token or no lifetime.
	ErrBadGrant = errors.New("refresh answered without a usable token")
)

// refreshAhead is how long before its expiry a token is refreshed: longer than one get
// takes, so that a token does not expire between its check and its use.
const refreshAhead = 5 * time.Minute

// Token is the content of one token file. Dates are UTC and whole seconds.
type Token struct {
	StartURL, Region      string
	AccessToken           secret.Secret // never empty in a Token from Read
	ExpiresAt             time.Time     // of the access token
	ClientID              string
	ClientSecret          secret.Secret
	RegistrationExpiresAt time.Time     // of the client; zero if the file has none
	RefreshToken          secret.Secret // empty for a session that cannot be refreshed

	// foreign: an optional field holds a value of another kind, so that it is not
	// known what a refresh would have to send.
	foreign bool
	// extra is what else the file holds, in its order and its own spelling.
	extra clijson.Object
}

// Path is the token file below home for a session: cacheKey is the session's
// name or, for a profile without one, the start URL exactly as configured.
// Whatever it contains, the file is in the cache directory. An empty home is
// env.ErrNoHome.
func Path(home, cacheKey string) (string, error) {
	return env.AWSCacheFile(home, "sso", []byte(cacheKey))
}

// Live reports whether the access token is unexpired, by the wall clock.
func (t Token) Live(now time.Time) bool { return t.lasts(now, time.Nanosecond) }

// NeedsRefresh reports whether less than 5 minutes are left.
func (t Token) NeedsRefresh(now time.Time) bool { return !t.lasts(now, refreshAhead) }

// Refreshable reports whether the file has the parameters of CreateToken: a refresh token
// and a client whose registration has not expired. A registration without an expiry
// counts as valid.
func (t Token) Refreshable(now time.Time) bool {
	return !t.foreign && !t.RefreshToken.Empty() && t.ClientID != "" && !t.ClientSecret.Empty() &&
		(t.RegistrationExpiresAt.IsZero() || now.Before(t.RegistrationExpiresAt))
}

// lasts reports whether at least d is left. Round removes the monotonic clock reading,
// which stops while a laptop sleeps.
func (t Token) lasts(now time.Time, d time.Duration) bool {
	return !t.AccessToken.Empty() && t.ExpiresAt.Sub(now.Round(0)) >= d
}

// changed reports whether another process has replaced the token old.
func (t Token) changed(old Token) bool {
	return !t.AccessToken.Equal(old.AccessToken) || !t.RefreshToken.Equal(old.RefreshToken) || !t.ExpiresAt.Equal(old.ExpiresAt)
}

const (
	// maxFile is far above any token file seen (about 5 KiB).
	maxFile = 1 << 20
	// The AWS CLI truncates the file and then writes it: Read waits this long until a
	// truncated text is complete.
	truncatedTimeout = time.Second
	truncatedPoll    = 25 * time.Millisecond
)

// Read returns the token in the file at path, following links. A file that
// looks half written is read again for about a second.
//
// Errors: ErrMissing; ErrDamaged with the reason; safefile.ErrNotTrusted for a
// file that others own or can write; those of the operating system for a file
// that may not be read.
func Read(path string) (Token, error) {
	for waited := time.Duration(0); ; waited += truncatedPoll {
		t, err := readOnce(path)
		if !errors.Is(err, io.ErrUnexpectedEOF) || waited >= truncatedTimeout {
			return t, err
		}
		if changed, statErr := safefile.Changed(path); statErr == nil && time.Since(changed) > truncatedTimeout {
			return t, err // no process is writing it
		}
		time.Sleep(truncatedPoll) //nolint:forbidigo // a second at most, and only beside a writer
	}
}

// ReadFor is Read for a session whose start URL the configuration names. The
// file is named after the session alone, so it may hold the token of another start
// URL: ErrOtherStartURL.
func ReadFor(path, startURL string) (Token, error) {
	t, err := Read(path)
	if err == nil && !t.isFor(startURL) {
		return Token{}, fmt.Errorf("%s: %w", path, ErrOtherStartURL)
	}
	return t, err
}

// isFor tells whether the token came from the start URL. People and tools add a
// slash or a "#/" at its end; a file of another tool may not name it at all.
func (t Token) isFor(startURL string) bool {
	plain := func(u string) string { return strings.TrimRight(strings.TrimSpace(u), "/#") }
	return t.StartURL == "" || startURL == "" || strings.EqualFold(plain(t.StartURL), plain(startURL))
}

func readOnce(path string) (Token, error) {
	data, err := safefile.ReadShared(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Token{}, fmt.Errorf("%s: %w", path, ErrMissing)
	case errors.Is(err, safefile.ErrTooLarge), errors.Is(err, safefile.ErrNotRegular):
		return Token{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	case err != nil:
		return Token{}, err
	}
	t, err := parse(data)
	if err != nil {
		return Token{}, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return t, nil
}

// Write replaces the token file atomically. A new one is 0600, in a directory
// made 0700 if there is none; what exists keeps its mode and its links.
func Write(path string, t Token) error {
	if t.AccessToken.Empty() || t.ExpiresAt.IsZero() {
		return fmt.Errorf("%s: %w: no access token or no expiry", path, ErrDamaged)
	}
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return safefile.Write(path, Marshal(t), 0o600)
}

// Lock takes the lock under which the token file at path is changed: lockPath, a
// file in a directory of ours, or where that cannot be had ("", a directory that
// cannot be used) a file next to the token file. Without any lock, processes that
// refresh at the same time spend one refresh token several times. The errors are
// those of safefile.Lock.
func Lock(ctx context.Context, path, lockPath string) (*safefile.Held, error) {
	if lockPath != "" {
		held, err := safefile.Lock(ctx, lockPath)
		if !errors.Is(err, safefile.ErrLockUnavailable) {
			return held, err
		}
	}
	return safefile.LockBeside(ctx, path)
}

// CheckWritable reports why Write would fail, as far as that can be told beforehand: it
// makes and removes a temporary file where the token goes, or in the directory nearest
// to it that exists.
func CheckWritable(path string) error {
	dir := filepath.Dir(path)
	for {
		_, err := os.Stat(dir)
		if err == nil || dir == filepath.Dir(dir) {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dir = filepath.Dir(dir)
	}
	place, err := safefile.Reserve(filepath.Join(dir, filepath.Base(path)), growth, 0o600)
	place.Abort()
	if cause := errors.Unwrap(err); cause != nil && dir != filepath.Dir(path) {
		return fmt.Errorf("%s: %w", dir, cause)
	}
	return err
}

// Remove deletes the token file. It is not an error if there is none.
func Remove(path string) error { return safefile.Remove(path) }

// The fields in the order in which AWS CLI writes them.
const (
	keyStartURL            = "startUrl"
	keyRegion              = "region"
	keyAccessToken         = "accessToken"
	keyExpiresAt           = "expiresAt"
	keyClientID            = "clientId"
	keyClientSecret        = "clientSecret"
	keyRegistrationExpires = "registrationExpiresAt"
	keyRefreshToken        = "refreshToken"
)

// known reports whether a field is one of ours. The others are only preserved.
func known(key string) bool {
	switch key {
	case keyStartURL, keyRegion, keyAccessToken, keyExpiresAt,
		keyClientID, keyClientSecret, keyRegistrationExpires, keyRefreshToken:
		return true
	}
	return false
}

// Marshal returns the bytes of the token file as AWS CLI spells them; fields
// that this program does not know follow, in their order and spelling. Empty
// fields are left out.
func Marshal(t Token) []byte {
	var o clijson.Object
	add := func(key, value string) {
		if value != "" {
			o = append(o, clijson.Member{Key: key, Value: clijson.String(value)})
		}
	}
	add(keyStartURL, t.StartURL)
	add(keyRegion, t.Region)
	add(keyAccessToken, t.AccessToken.Reveal())
	add(keyExpiresAt, clijson.FormatTime(t.ExpiresAt))
	add(keyClientID, t.ClientID)
	add(keyClientSecret, t.ClientSecret.Reveal())
	if !t.RegistrationExpiresAt.IsZero() {
		add(keyRegistrationExpires, clijson.FormatTime(t.RegistrationExpiresAt))
	}
	add(keyRefreshToken, t.RefreshToken.Reveal())
	return append(o, t.extra...).Append(nil)
}

// parse reads a token file. Its errors say which field is wrong, not what is
// in it, and keep io.ErrUnexpectedEOF for a text that is cut short.
//
// Only the access token and its expiry have to be there. Other tools leave other
// kinds of values in the fields that a refresh needs, such as a number for a date;
// the token is then used as it is, and not refreshed.
func parse(data []byte) (Token, error) {
	o, err := clijson.Parse(data)
	if err != nil {
		return Token{}, err
	}
	var t Token
	for _, m := range o {
		if !known(m.Key) {
			t.extra = append(t.extra, m)
		}
	}
	access, err := o.Text(keyAccessToken)
	if err != nil {
		return Token{}, err
	}
	if access == "" {
		return Token{}, fmt.Errorf("no %s", keyAccessToken)
	}
	t.AccessToken = secret.New(access)
	if t.ExpiresAt, err = o.Time(keyExpiresAt); err != nil {
		return Token{}, err
	}
	if t.ExpiresAt.IsZero() {
		return Token{}, fmt.Errorf("no %s", keyExpiresAt)
	}
	text := func(key string) string {
		s, err := o.Text(key)
		t.foreign = t.foreign || err != nil
		return s
	}
	t.StartURL, t.Region, t.ClientID = text(keyStartURL), text(keyRegion), text(keyClientID)
	t.ClientSecret, t.RefreshToken = secret.New(text(keyClientSecret)), secret.New(text(keyRefreshToken))
	if t.RegistrationExpiresAt, err = o.Time(keyRegistrationExpires); err != nil {
		// Go programs write their zero time when they do not know the date.
		t.foreign = t.foreign || !strings.HasPrefix(string(o.Get(keyRegistrationExpires)), `"0001-01-01T`)
	}
	return t, nil
}
