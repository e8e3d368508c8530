package awscache

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

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

// Record writes the sign-in to the lineage file, if that does not name it yet. If the file
// names another sign-in, the new one counts from now on, whatever the date of its token
// file: a moved link or directory brings an old token file back, and so does a clock that is
// set back. "Now" is the date of the lineage file, because the dates of role files are
// compared with it.
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
