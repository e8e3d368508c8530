// Package awscache reads and writes the AWS CLI's cache files, which the AWS CLI, the SDKs
// and this program share: SSO session tokens (~/.aws/sso/cache; token.go), their refresh
// (refresh.go), SSO role credentials (~/.aws/cli/cache; role.go), and their JSON format
// (json.go).
//
// The package does not call AWS; the caller passes a function that does. It does not lock
// the AWS CLI's files or change their modes, and its errors contain no secrets. credhelper,
// login and configure call it; awsclient uses its types.
package awscache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Errors of ReadToken and RefreshToken, for errors.Is.
var (
	// ErrMissing means that there is no token file: the user never signed in, or signed
	// out.
	ErrMissing = errors.New("no token file")
	// ErrOtherStartURL means that the token comes from a sign-in to another start URL.
	ErrOtherStartURL = errors.New("signed in to another start URL")
	// ErrDamaged means that the content of the file is not a token.
	ErrDamaged = errors.New("damaged token file")
	// ErrNotRefreshable means that the token has expired and the file lacks a field that a
	// refresh needs (see Token.Refreshable). The user must sign in again.
	ErrNotRefreshable = errors.New("token cannot be refreshed")
	// ErrBadGrant means that the response to a refresh has no access token or lifetime.
	ErrBadGrant = errors.New("the refresh returned no usable token")
)

// refreshAhead is how long before its expiry a token is refreshed. It is longer than a get
// takes, so that a token does not expire between check and use.
const refreshAhead = 5 * time.Minute

// Token is the content of a token file, ~/.aws/sso/cache/<sha1>.json. Times are in UTC and
// whole seconds.
type Token struct {
	StartURL, Region      string
	AccessToken           secret.Secret // never empty if returned by ReadToken
	ExpiresAt             time.Time     // expiry of the access token
	ClientID              string
	ClientSecret          secret.Secret
	RegistrationExpiresAt time.Time     // expiry of the client registration; zero if not in the file
	RefreshToken          secret.Secret // empty if the session cannot be refreshed

	// foreign means that an optional field has a value of an unexpected type, so the token
	// cannot be refreshed.
	foreign bool
	// extra contains the file's other fields, in their original order and spelling.
	extra Object
}

// TokenPath returns a session's token file below the home directory. cacheKey is the name
// of the session or, for a profile without one, the start URL exactly as configured. The
// file is always in the cache directory, whatever cacheKey contains. If home is empty, it
// returns env.ErrNoHome.
func TokenPath(home, cacheKey string) (string, error) {
	return env.AWSCacheFile(home, "sso", []byte(cacheKey))
}

// Live reports whether the access token has not expired, according to the wall clock.
func (t Token) Live(now time.Time) bool { return t.lasts(now, time.Nanosecond) }

// needsRefresh reports whether less than 5 minutes are left.
func (t Token) needsRefresh(now time.Time) bool { return !t.lasts(now, refreshAhead) }

// Refreshable reports whether the file has everything that CreateToken needs: a refresh
// token and a client whose registration has not expired. A registration without an expiry
// is considered valid.
func (t Token) Refreshable(now time.Time) bool {
	return !t.foreign && !t.RefreshToken.Empty() && t.ClientID != "" && !t.ClientSecret.Empty() &&
		(t.RegistrationExpiresAt.IsZero() || now.Before(t.RegistrationExpiresAt))
}

// lasts reports whether at least d is left. Round removes the monotonic clock reading,
// which stops while a laptop is suspended.
func (t Token) lasts(now time.Time, d time.Duration) bool {
	return !t.AccessToken.Empty() && t.ExpiresAt.Sub(now.Round(0)) >= d
}

// changed reports whether another process has replaced the token old.
func (t Token) changed(old Token) bool {
	return !t.AccessToken.Equal(old.AccessToken) || !t.RefreshToken.Equal(old.RefreshToken) || !t.ExpiresAt.Equal(old.ExpiresAt)
}

const (
	// maxFile is much larger than real token files (about 5 KiB).
	maxFile = 1 << 20
	// The AWS CLI truncates the file and then writes it. ReadToken waits this long for the
	// rest of a truncated file.
	truncatedTimeout = time.Second
	truncatedPoll    = 25 * time.Millisecond
)

// ReadToken returns the token in the file at path. It follows links. If the file looks
// truncated, it retries for about a second.
//
// It returns ErrMissing, ErrDamaged with the reason, safefile.ErrNotTrusted for a file that
// other users own or can write to, or the operating system's error for a file that cannot
// be read.
func ReadToken(path string) (Token, error) {
	for waited := time.Duration(0); ; waited += truncatedPoll {
		token, err := readTokenOnce(path)
		if !errors.Is(err, io.ErrUnexpectedEOF) || waited >= truncatedTimeout {
			return token, err
		}
		if changed, statErr := safefile.Changed(path); statErr == nil && time.Since(changed) > truncatedTimeout {
			return token, err // the file is not being written
		}
		time.Sleep(truncatedPoll) //nolint:forbidigo // up to a second, and only while another process writes
	}
}

// ReadTokenFor is ReadToken for a session with a configured start URL. The file name
// depends only on the session, so the file may contain a token for another start URL. In
// that case, it returns ErrOtherStartURL.
func ReadTokenFor(path, startURL string) (Token, error) {
	token, err := ReadToken(path)
	if err == nil && !token.isFor(startURL) {
		return Token{}, fmt.Errorf("%s: %w", path, ErrOtherStartURL)
	}
	return token, err
}

// isFor reports whether the token belongs to the start URL. Users and tools add a slash or
// "#/" to the URL, and other tools' files may have no start URL.
func (t Token) isFor(startURL string) bool {
	plain := func(u string) string { return strings.TrimRight(strings.TrimSpace(u), "/#") }
	return t.StartURL == "" || startURL == "" || strings.EqualFold(plain(t.StartURL), plain(startURL))
}

func readTokenOnce(path string) (Token, error) {
	data, err := safefile.ReadShared(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Token{}, fmt.Errorf("%s: %w", path, ErrMissing)
	case errors.Is(err, safefile.ErrTooLarge), errors.Is(err, safefile.ErrNotRegular):
		return Token{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	case err != nil:
		return Token{}, err
	}
	token, err := parseToken(data)
	if err != nil {
		return Token{}, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return token, nil
}

// WriteToken atomically replaces the token file. New files have mode 0600 and new
// directories 0700. Existing files and directories keep their modes and links.
func WriteToken(path string, token Token) error {
	if token.AccessToken.Empty() || token.ExpiresAt.IsZero() {
		return fmt.Errorf("%s: %w: no access token or no expiry", path, ErrDamaged)
	}
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return safefile.Write(path, MarshalToken(token), 0o600)
}

// LockToken locks changes to the token file at path, so that processes that refresh at the
// same time do not use the same refresh token. It takes two locks: lockPath, a file in one
// of our directories, and a file next to the token file. The second one is for processes
// with another cache directory, such as a container that mounts only ~/.aws. If one of them
// is not available, the other one is enough. It returns the errors from safefile.Lock.
func LockToken(ctx context.Context, path, lockPath string) (*safefile.Held, error) {
	var own *safefile.Held
	if lockPath != "" {
		var err error
		if own, err = safefile.Lock(ctx, lockPath); err != nil && !errors.Is(err, safefile.ErrLockUnavailable) {
			return nil, err
		}
	}
	shared, err := safefile.LockNextTo(ctx, path)
	switch {
	case err == nil:
		return shared.And(own), nil
	case own != nil && errors.Is(err, safefile.ErrLockUnavailable):
		return own, nil
	}
	own.Unlock()
	return nil, err
}

// CheckTokenWritable returns the reason why WriteToken would fail, if that can be detected
// in advance.
func CheckTokenWritable(path string) error { return safefile.CheckWritable(path, growth) }

// RemoveToken deletes the token file. It is not an error if it does not exist.
func RemoveToken(path string) error { return safefile.Remove(path) }

// Field names, in the order in which the AWS CLI writes them.
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

// known reports whether this program uses a field. Other fields are only preserved.
func known(key string) bool {
	switch key {
	case keyStartURL, keyRegion, keyAccessToken, keyExpiresAt,
		keyClientID, keyClientSecret, keyRegistrationExpires, keyRefreshToken:
		return true
	}
	return false
}

// MarshalToken returns the content of the token file in the AWS CLI's format. Unknown
// fields follow in their original order and spelling. Empty fields are omitted.
func MarshalToken(token Token) []byte {
	var o Object
	add := func(key, value string) {
		if value != "" {
			o = append(o, Member{Key: key, Value: JSONString(value)})
		}
	}
	add(keyStartURL, token.StartURL)
	add(keyRegion, token.Region)
	add(keyAccessToken, token.AccessToken.Reveal())
	add(keyExpiresAt, FormatTime(token.ExpiresAt))
	add(keyClientID, token.ClientID)
	add(keyClientSecret, token.ClientSecret.Reveal())
	if !token.RegistrationExpiresAt.IsZero() {
		add(keyRegistrationExpires, FormatTime(token.RegistrationExpiresAt))
	}
	add(keyRefreshToken, token.RefreshToken.Reveal())
	return append(o, token.extra...).Append(nil)
}

// parseToken parses a token file. Its errors contain the name of the invalid field but not
// its value. They wrap io.ErrUnexpectedEOF if the file is truncated.
//
// Only the access token and its expiry are required. Other tools write fields that a
// refresh needs with other types, such as a number for a date, or with a region in an
// invalid format. Such a token is used, but not refreshed.
func parseToken(data []byte) (Token, error) {
	o, err := ParseObject(data)
	if err != nil {
		return Token{}, err
	}
	var token Token
	for _, m := range o {
		if !known(m.Key) {
			token.extra = append(token.extra, m)
		}
	}
	access, err := o.Text(keyAccessToken)
	if err != nil {
		return Token{}, err
	}
	if access == "" {
		return Token{}, fmt.Errorf("no %s", keyAccessToken)
	}
	if strings.ContainsFunc(access, func(r rune) bool { return r <= ' ' || r > '~' }) { // not valid in a request header
		return Token{}, fmt.Errorf("%s: characters that are not allowed", keyAccessToken)
	}
	token.AccessToken = secret.New(access)
	if token.ExpiresAt, err = o.Time(keyExpiresAt); err != nil {
		return Token{}, err
	}
	if token.ExpiresAt.IsZero() {
		return Token{}, fmt.Errorf("no %s", keyExpiresAt)
	}
	text := func(key string) string {
		s, err := o.Text(key)
		token.foreign = token.foreign || err != nil
		return s
	}
	token.StartURL, token.Region, token.ClientID = text(keyStartURL), text(keyRegion), text(keyClientID)
	token.ClientSecret, token.RefreshToken = secret.New(text(keyClientSecret)), secret.New(text(keyRefreshToken))
	if token.Region != "" && !registry.IsRegion(strings.ToLower(token.Region)) {
		token.Region, token.foreign = "", true // the session's region in the configuration is used
	}
	if token.RegistrationExpiresAt, err = o.Time(keyRegistrationExpires); err != nil {
		// Go programs write the zero time for an unknown date.
		token.foreign = token.foreign || !strings.HasPrefix(string(o.Get(keyRegistrationExpires)), `"0001-01-01T`)
	}
	return token, nil
}
