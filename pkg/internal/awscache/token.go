// Package awscache reads and writes the AWS CLI's cache files, which the AWS CLI, the SDKs
// and this program share: the tokens of SSO sessions (~/.aws/sso/cache; token.go), their
// refresh (refresh.go), the credentials of SSO roles (~/.aws/cli/cache; role.go), and the
// JSON in which both are written (json.go).
//
// The package does not call AWS: the caller passes a function that does. It does not lock
// the AWS CLI's files or change their mode, and its errors contain no secrets. It imports
// layers 0 and 1. credhelper, login and configure call it; awsclient uses its types.
package awscache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// The errors of ReadToken and RefreshToken; test for them with errors.Is.
var (
	// ErrMissing: there is no token file. The user never signed in, or signed out.
	ErrMissing = errors.New("no token file")
	// ErrOtherStartURL: the token comes from a sign-in to another start URL.
	ErrOtherStartURL = errors.New("signed in to another start URL")
	// ErrDamaged: the content of the file is not a token.
	ErrDamaged = errors.New("damaged token file")
	// ErrNotRefreshable: the token expired, and the file lacks a field that a refresh
	// needs (see Token.Refreshable). The user has to sign in again.
	ErrNotRefreshable = errors.New("token cannot be refreshed")
	// ErrBadGrant: the response to a refresh has no access token or no lifetime.
	ErrBadGrant = errors.New("the refresh returned no usable token")
)

// refreshAhead is how long before its expiry a token is refreshed: longer than one get
// takes, so that a token does not expire between its check and its use.
const refreshAhead = 5 * time.Minute

// Token is the content of a token file, ~/.aws/sso/cache/<sha1>.json. Dates are UTC and
// whole seconds.
type Token struct {
	StartURL, Region      string
	AccessToken           secret.Secret // never empty in a Token from ReadToken
	ExpiresAt             time.Time     // of the access token
	ClientID              string
	ClientSecret          secret.Secret
	RegistrationExpiresAt time.Time     // of the client; zero if the file has none
	RefreshToken          secret.Secret // empty for a session that cannot be refreshed

	// foreign: an optional field has a value of another type, so the parameters of a
	// refresh are unknown.
	foreign bool
	// extra holds the other fields of the file, in their order and spelling.
	extra Object
}

// TokenPath returns the token file of a session below the home directory. cacheKey is the name
// of the session or, for a profile without one, the start URL exactly as configured. The
// file is in the cache directory, whatever cacheKey contains. An empty home is
// env.ErrNoHome.
func TokenPath(home, cacheKey string) (string, error) {
	return env.AWSCacheFile(home, "sso", []byte(cacheKey))
}

// Live reports whether the access token has not expired, by the wall clock.
func (t Token) Live(now time.Time) bool { return t.lasts(now, time.Nanosecond) }

// NeedsRefresh reports whether less than 5 minutes are left.
func (t Token) NeedsRefresh(now time.Time) bool { return !t.lasts(now, refreshAhead) }

// Refreshable reports whether the file has the parameters of CreateToken: a refresh token
// and a client whose registration has not expired. A registration without an expiry is
// treated as valid.
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
	// maxFile is far above the size of real token files (about 5 KiB).
	maxFile = 1 << 20
	// The AWS CLI truncates the file and then writes it. ReadToken waits this long for the
	// rest of a truncated file.
	truncatedTimeout = time.Second
	truncatedPoll    = 25 * time.Millisecond
)

// ReadToken returns the token in the file at path. It follows links. If the file looks
// truncated, it tries again for about a second.
//
// Errors: ErrMissing; ErrDamaged with the reason; safefile.ErrNotTrusted for a file that
// other users own or can write to; the error of the operating system for a file that
// cannot be read.
func ReadToken(path string) (Token, error) {
	for waited := time.Duration(0); ; waited += truncatedPoll {
		token, err := readTokenOnce(path)
		if !errors.Is(err, io.ErrUnexpectedEOF) || waited >= truncatedTimeout {
			return token, err
		}
		if changed, statErr := safefile.Changed(path); statErr == nil && time.Since(changed) > truncatedTimeout {
			return token, err // no process is writing it
		}
		time.Sleep(truncatedPoll) //nolint:forbidigo // at most a second, and only while another process writes
	}
}

// ReadTokenFor is ReadToken for a session whose start URL is configured. The file name depends on
// the session only, so the file may hold the token of another start URL: then it returns
// ErrOtherStartURL.
func ReadTokenFor(path, startURL string) (Token, error) {
	token, err := ReadToken(path)
	if err == nil && !token.isFor(startURL) {
		return Token{}, fmt.Errorf("%s: %w", path, ErrOtherStartURL)
	}
	return token, err
}

// isFor reports whether the token came from the start URL. Users and tools add a slash or
// "#/" to the URL, and a file of another tool may have no start URL.
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

// WriteToken replaces the token file atomically. It creates a file with mode 0600 and a
// directory with mode 0700. Existing files and directories keep their mode and their
// links.
func WriteToken(path string, token Token) error {
	if token.AccessToken.Empty() || token.ExpiresAt.IsZero() {
		return fmt.Errorf("%s: %w: no access token or no expiry", path, ErrDamaged)
	}
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return safefile.Write(path, MarshalToken(token), 0o600)
}

// LockToken takes the lock that protects changes to the token file at path. The lock file is
// lockPath, in one of our directories. If lockPath is empty or its directory cannot be
// used, it is a file next to the token file. Without a lock, processes that refresh at
// the same time would use the same refresh token. The errors are those of safefile.Lock.
func LockToken(ctx context.Context, path, lockPath string) (*safefile.Held, error) {
	if lockPath != "" {
		held, err := safefile.Lock(ctx, lockPath)
		if !errors.Is(err, safefile.ErrLockUnavailable) {
			return held, err
		}
	}
	return safefile.LockBeside(ctx, path)
}

// CheckTokenWritable returns the reason why WriteToken would fail, if it can be found in advance.
// It creates and removes a temporary file in the directory of the token file, or in the
// nearest parent directory that exists.
func CheckTokenWritable(path string) error {
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

// RemoveToken deletes the token file. It is not an error if there is none.
func RemoveToken(path string) error { return safefile.Remove(path) }

// The fields, in the order in which the AWS CLI writes them.
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

// known reports whether this program uses a field. It only preserves the others.
func known(key string) bool {
	switch key {
	case keyStartURL, keyRegion, keyAccessToken, keyExpiresAt,
		keyClientID, keyClientSecret, keyRegistrationExpires, keyRefreshToken:
		return true
	}
	return false
}

// MarshalToken returns the content of the token file in the format of the AWS CLI. Fields that
// this program does not know follow, in their order and spelling. Empty fields are
// omitted.
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

// parseToken reads a token file. Its errors name the field that is wrong but not its value.
// They wrap io.ErrUnexpectedEOF if the file is truncated.
//
// Only the access token and its expiry are required. Other tools write values of other
// types to the fields that a refresh needs, such as a number for a date. Then the token
// is used, but not refreshed.
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
	if token.RegistrationExpiresAt, err = o.Time(keyRegistrationExpires); err != nil {
		// Go programs write the zero time for an unknown date.
		token.foreign = token.foreign || !strings.HasPrefix(string(o.Get(keyRegistrationExpires)), `"0001-01-01T`)
	}
	return token, nil
}

// SignIn identifies one sign-in to a session. It stays the same after a refresh that
// leaves the refresh token unchanged, and after a refresh by this program (see
// recordRefresh). If the AWS CLI or an SDK refreshes and gets a new refresh token, that
// cannot be distinguished from a new sign-in and is treated as one. The cost is a call to
// AWS. The opposite error would give one user the login of another.
type SignIn struct {
	// ID contains no secret. It is empty if the user is not signed in.
	ID string
	// Since is a time at which the user was already signed in: the last write to the
	// token file, not counting refreshes by this program.
	Since time.Time
}

// CurrentSignIn returns the sign-in of the token in the file at path. lockPath is that of
// RefreshOptions; startURL is that of the session, as in ReadTokenFor.
func CurrentSignIn(path, lockPath, startURL string) SignIn {
	token, err := readTokenOnce(path) // does not wait for a writer: a token that is being written has no sign-in yet
	if err != nil || !token.isFor(startURL) {
		return SignIn{}
	}
	// Get the date after reading the token: if the file is replaced in between, the date
	// is too late but never too early.
	written, err := safefile.Changed(path)
	if err != nil {
		return SignIn{}
	}
	return signInOf(token, written, lockPath)
}

// lineage records that tokens came from one sign-in through refreshes by this program.
// Its file is next to the lock file of the refresh, because the token file belongs to the
// AWS CLI.
type lineage struct {
	SignIn string    `json:"sign_in"`
	Since  time.Time `json:"since"`
	// Tokens are the marks of the last token and of its successor. Until the token file
	// is replaced, it may hold either.
	Tokens [2]string `json:"tokens"`
}

const maxLineage = 4 << 10

func signInOf(token Token, written time.Time, lockPath string) SignIn {
	mark := token.mark()
	if lockPath != "" {
		data, err := safefile.ReadOwn(lockPath+".signin", maxLineage)
		var l lineage
		if err == nil && json.Unmarshal(data, &l) == nil && l.SignIn != "" && slices.Contains(l.Tokens[:], mark) {
			return SignIn{ID: l.SignIn, Since: l.Since}
		}
	}
	return SignIn{ID: mark, Since: written}
}

// mark is a digest of the refresh token, or of the access token if there is none: access
// tokens change more often.
func (t Token) mark() string {
	what := "access\x00" + t.AccessToken.Reveal()
	if !t.RefreshToken.Empty() {
		what = "refresh\x00" + t.RefreshToken.Reveal()
	}
	sum := sha256.Sum256([]byte(t.StartURL + "\x00" + what))
	return hex.EncodeToString(sum[:16])
}

// recordRefresh records that fresh comes from a refresh of old, not from a new sign-in.
// It runs before fresh is written to the token file. A failure costs only a call to AWS.
func (o RefreshOptions) recordRefresh(old, fresh Token) {
	written, err := safefile.Changed(o.Path)
	if o.LockPath == "" || err != nil {
		return
	}
	from := signInOf(old, written, o.LockPath)
	data, err := json.Marshal(lineage{from.ID, from.Since, [2]string{old.mark(), fresh.mark()}})
	if err == nil {
		err = safefile.WriteOwn(o.LockPath+".signin", data)
	}
	o.warn(err)
}
