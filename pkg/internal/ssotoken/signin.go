package ssotoken

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// SignIn tells one sign-in to a session from another. A refresh keeps it if the
// refresh token stays, or if the refresh was ours (see carry). A refresh of the AWS
// CLI or an SDK that changes the refresh token cannot be told from a sign-in and
// counts as one: that costs a call to AWS, and the opposite would give one person
// the login of another.
type SignIn struct {
	// ID holds no secret. "" when nobody is signed in.
	ID string
	// Since is a time at which the person was already signed in: when the token
	// file was last written, except for refreshes of ours.
	Since time.Time
}

// CurrentSignIn returns the sign-in whose token the file at path holds. lockPath
// is that of RefreshOptions, and startURL the session's, as in ReadFor.
func CurrentSignIn(path, lockPath, startURL string) SignIn {
	t, err := readOnce(path) // does not wait for a writer: a token that is being written has no sign-in yet
	if err != nil || !t.isFor(startURL) {
		return SignIn{}
	}
	// After the reading: if the file has been replaced since, the date is too late,
	// never too early.
	written, err := safefile.Changed(path)
	if err != nil {
		return SignIn{}
	}
	return signInOf(t, written, lockPath)
}

// lineage says that tokens came from one sign-in by refreshes of ours. It lies
// beside the lock of the refresh: the token file is the AWS CLI's.
type lineage struct {
	SignIn string    `json:"sign_in"`
	Since  time.Time `json:"since"`
	// Tokens are the marks of the last token and of its successor: until the token
	// file is replaced, both may be met.
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

// mark is a digest of what a sign-in gave: the refresh token if there is one,
// since access tokens change more often.
func (t Token) mark() string {
	what := "access\x00" + t.AccessToken.Reveal()
	if !t.RefreshToken.Empty() {
		what = "refresh\x00" + t.RefreshToken.Reveal()
	}
	sum := sha256.Sum256([]byte(t.StartURL + "\x00" + what))
	return hex.EncodeToString(sum[:16])
}

// recordRefresh notes that fresh is a refresh of old and no new sign-in, before fresh is
// in the token file. Failing costs a call to AWS.
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
