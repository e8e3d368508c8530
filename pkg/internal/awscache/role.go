package awscache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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
//
// The AWS CLI does not record which sign-in a role's credentials came from. So the second
// half of this file finds out when the session's current sign-in was: credentials that are
// older may be another user's.

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
	return env.AWSCacheFile(home, "cli", o.appendMinified(nil))
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
	if creds.Expiration, err = parseTime(texts[3]); err != nil {
		return Credentials{}, err
	}
	return creds, creds.check()
}

// SignIn identifies a sign-in to a session. It does not change after a refresh that leaves
// the refresh token unchanged, or after a refresh by this program (see recordRefresh). If
// the AWS CLI or an SDK refreshes the session and gets a new refresh token, that cannot be
// distinguished from a new sign-in and is treated as one, at the cost of an AWS call. The
// opposite error would give one user another user's login.
type SignIn struct {
	// ID contains no secret. It is empty if the user is not signed in.
	ID string
	// Since is a time at which the user was already signed in: the last change of the token
	// file, not counting refreshes by this program, or the time at which Record found another
	// sign-in in the lineage file, whichever is later.
	Since time.Time
	// Recorded reports whether the lineage file names this sign-in.
	Recorded bool

	mark     string    // of the token in the file
	written  time.Time // last change of the token file
	replaces bool      // the lineage file names another sign-in
}

// CurrentSignIn returns the sign-in of the token in the file at path. lockPath is the one
// in RefreshOptions; startURL is the session's, as in ReadTokenFor.
func CurrentSignIn(path, lockPath, startURL string) SignIn {
	token, err := readTokenOnce(path) // do not wait for a writer: an incomplete token has no sign-in yet
	if err != nil || !token.isFor(startURL) {
		return SignIn{}
	}
	// Get the time after reading the token: if the file is replaced in between, the time is
	// too late but never too early.
	written, err := safefile.Changed(path)
	if err != nil {
		return SignIn{}
	}
	return signInOf(token, written, lockPath)
}

// lineage records the sign-in that this program last saw, and which tokens came from it
// through refreshes by this program. Its file is next to the refresh lock, because the token
// file belongs to the AWS CLI.
type lineage struct {
	SignIn string    `json:"sign_in"`
	Since  time.Time `json:"since"`
	// Tokens are the marks of the last token and its successor. Until the token file is
	// replaced, it may contain either.
	Tokens [2]string `json:"tokens"`
	// Written is the last change of the token file by this program, or the one that Record
	// saw. After a later change, an earlier sign-in may be back in the file.
	Written time.Time `json:"written"`
}

func lineageNote(lockPath string) safefile.Note { return safefile.NoteAt(lockPath, "signin") }

func readLineage(lockPath string) (l lineage, ok bool) {
	ok = lineageNote(lockPath).Read(&l) && l.SignIn != ""
	return l, ok
}

func signInOf(token Token, written time.Time, lockPath string) SignIn {
	mark := token.mark()
	s := SignIn{ID: mark, Since: written, mark: mark, written: written}
	l, ok := readLineage(lockPath)
	switch {
	case !ok:
	case !slices.Contains(l.Tokens[:], mark):
		s.replaces = true
	case written.After(l.Written):
		s.ID = l.SignIn
	default:
		s.ID, s.Since, s.Recorded = l.SignIn, l.Since, true
	}
	return s
}

// Record writes the sign-in to the lineage file, unless the file already names it. If the
// file names another sign-in, the new sign-in counts from now on, whatever the date of its
// token file: moving a link or a directory can bring back an old token file, and the clock
// can be set back. "Now" is the date of the lineage file, because the dates of role files
// are compared with it.
func (s SignIn) Record(lockPath string) SignIn {
	if s.ID == "" || s.Recorded || lockPath == "" {
		return s
	}
	s.Recorded = true
	l := lineage{s.ID, s.Since, [2]string{s.mark, s.mark}, s.written}
	err := lineageNote(lockPath).Write(l)
	if !s.replaces {
		return s
	}
	now := time.Now()
	if err == nil {
		if changed, err := safefile.Changed(string(lineageNote(lockPath))); err == nil {
			now = changed
		}
	}
	if now.After(s.Since) {
		s.Since, l.Since = now, now
		_ = lineageNote(lockPath).Write(l) // after an error, the next get records it again
	}
	return s
}

// mark is a digest of the refresh token or, without one, of the access token, which changes
// more often.
func (t Token) mark() string {
	what := "access\x00" + t.AccessToken.Reveal()
	if !t.RefreshToken.Empty() {
		what = "refresh\x00" + t.RefreshToken.Reveal()
	}
	sum := sha256.Sum256([]byte(t.StartURL + "\x00" + what))
	return hex.EncodeToString(sum[:16])
}

// recordRefresh records that fresh comes from a refresh of old, not from a new sign-in. It
// runs before fresh is written to the token file. If it fails, the only cost is an AWS
// call.
func (o RefreshOptions) recordRefresh(old, fresh Token) {
	written, err := safefile.Changed(o.Path)
	if o.LockPath == "" || err != nil {
		return
	}
	from := signInOf(old, written, o.LockPath).Record(o.LockPath)
	o.warn(lineageNote(o.LockPath).Write(lineage{from.ID, from.Since, [2]string{old.mark(), fresh.mark()}, written}))
}

// recordWritten records that this program has written fresh to the token file.
func (o RefreshOptions) recordWritten(fresh Token) {
	written, err := safefile.Changed(o.Path)
	l, ok := readLineage(o.LockPath)
	if err == nil && ok && l.Tokens[1] == fresh.mark() {
		l.Written = written
		o.warn(lineageNote(o.LockPath).Write(l))
	}
}
