package ssotoken

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

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
// RefreshOptions; startURL is that of the session, as in ReadFor.
func CurrentSignIn(path, lockPath, startURL string) SignIn {
	t, err := readOnce(path) // does not wait for a writer: a token that is being written has no sign-in yet
	if err != nil || !t.isFor(startURL) {
		return SignIn{}
	}
	// Get the date after reading the token: if the file is replaced in between, the date
	// is too late but never too early.
	written, err := safefile.Changed(path)
	if err != nil {
		return SignIn{}
	}
	return signInOf(t, written, lockPath)
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

func signInOf(t Token, written time.Time, lockPath string) SignIn {
	mark := t.mark()
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
