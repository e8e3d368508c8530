package awscache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// signInHome is a token file and a refresh lock in separate directories.
type signInHome struct {
	*testing.T
	file, lock string
	written    time.Time
}

func newSignInHome(t *testing.T) *signInHome {
	dir := t.TempDir()
	for _, name := range []string{"cache", "locks"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h := &signInHome{T: t, file: filepath.Join(dir, "cache", "token.json"), lock: filepath.Join(dir, "locks", "session")}
	h.write(cliToken())
	return h
}

// write simulates a write by another tool. Modification times may have only millisecond
// precision, so it repeats the write until the time has changed.
func (h *signInHome) write(t Token) {
	h.Helper()
	for before := h.written; !h.written.After(before); {
		if err := os.WriteFile(h.file, MarshalToken(t), 0o600); err != nil {
			h.Fatal(err)
		}
		var err error
		if h.written, err = safefile.Changed(h.file); err != nil {
			h.Fatal(err)
		}
	}
}

func (h *signInHome) current() SignIn { return CurrentSignIn(h.file, h.lock, cliToken().StartURL) }

// refresh is a refresh by this program. The service returns the given access token and, if
// refresh is not empty, the given refresh token.
func (h *signInHome) refresh(access, refresh string) {
	h.Helper()
	_, err := RefreshToken(h.Context(), RefreshOptions{
		Path: h.file, LockPath: h.lock, Now: func() time.Time { return expiry.Add(-time.Minute) },
		Request: func(context.Context, Token) (Grant, error) {
			return Grant{AccessToken: secret.New(access), RefreshToken: secret.New(refresh), ExpiresIn: time.Minute}, nil
		},
	})
	if err != nil {
		h.Fatal(err)
	}
}

func changed(t Token, change func(*Token)) Token {
	change(&t)
	return t
}

// ours refreshes n times with this program; theirs writes the file with another tool.
func ours(n int) func(*signInHome) {
	return func(h *signInHome) {
		for i := range n {
			h.refresh("AT-"+strings.Repeat("x", i), "RT-"+strings.Repeat("x", i))
		}
	}
}

func theirs(change func(*Token)) func(*signInHome) {
	return func(h *signInHome) { h.write(changed(cliToken(), change)) }
}

// newSignInCases are the test cases of TestNewSignIn.
var newSignInCases = []struct {
	name string
	do   func(*signInHome)
	same bool // same sign-in as before
	date bool // also the same time
}{
	{"nothing", func(*signInHome) {}, true, true},
	{"our refresh", ours(1), true, true},
	{"our refresh without a new refresh token", func(h *signInHome) { h.refresh("AT2", "") }, true, true},
	{"five of our refreshes", ours(5), true, true},
	{"another tool's refresh that leaves the refresh token", theirs(func(t *Token) { t.AccessToken = secret.New("AT2") }), true, false},
	{"same file, written again", theirs(func(*Token) {}), true, false},
	{"another tool's refresh that rotates the refresh token", theirs(func(t *Token) {
		t.AccessToken, t.RefreshToken = secret.New("AT2"), secret.New("RT2")
	}), false, false},
	{"our refresh, then another tool's", func(h *signInHome) {
		h.refresh("AT2", "RT2")
		h.write(changed(cliToken(), func(t *Token) { t.AccessToken, t.RefreshToken = secret.New("AT3"), secret.New("RT3") }))
	}, false, false},
	{"another tool's refresh, then ours", func(h *signInHome) {
		h.write(changed(cliToken(), func(t *Token) { t.AccessToken, t.RefreshToken = secret.New("AT2"), secret.New("RT2") }))
		h.refresh("AT3", "RT3")
	}, false, false},
	{"sign-in without a refresh token", theirs(func(t *Token) {
		t.AccessToken, t.RefreshToken = secret.New("AT2"), secret.Secret{}
	}), false, false},
	{"sign-in to another start URL", theirs(func(t *Token) { t.StartURL = "https://other.awsapps.com/start" }), false, false},
	{"logout", func(h *signInHome) { _ = RemoveToken(h.file) }, false, false},
	{"damaged file", func(h *signInHome) { _ = os.WriteFile(h.file, []byte("[]"), 0o600) }, false, false},
	{"damaged record of our refreshes", func(h *signInHome) {
		h.refresh("AT2", "RT2")
		_ = os.WriteFile(h.lock+".signin", []byte("{"), 0o600)
	}, false, false},
}

// TestNewSignIn changes the token file in all ways observed in practice and checks whether
// the session's logins and role credentials remain valid.
func TestNewSignIn(t *testing.T) {
	for _, tc := range newSignInCases {
		t.Run(tc.name, func(t *testing.T) {
			h := newSignInHome(t)
			before := h.current()
			if before.ID == "" || !before.Since.Equal(h.written) {
				t.Fatalf("before: %+v", before)
			}
			tc.do(h)
			after := h.current()
			if (after.ID == before.ID) != tc.same || after.Since.Equal(before.Since) != tc.date {
				t.Errorf("same sign-in: %v, want %v; same time: %v, want %v", after.ID == before.ID, tc.same, after.Since.Equal(before.Since), tc.date)
			}
			if after.ID == "" != after.Since.IsZero() {
				t.Errorf("identity without a time, or time without an identity: %+v", after)
			}
		})
	}
}

// A process may be killed after it records a refresh and before it writes the token file.
// In that case, the file has the old token; otherwise, it has the new one. Both belong to
// the same sign-in.
func TestTokensBeforeAndAfterRefreshShareSignIn(t *testing.T) {
	h := newSignInHome(t)
	before := h.current()
	fresh := changed(cliToken(), func(t *Token) { t.AccessToken, t.RefreshToken = secret.New("AT2"), secret.New("RT2") })
	RefreshOptions{Path: h.file, LockPath: h.lock}.recordRefresh(cliToken(), fresh)
	if got := h.current(); got.ID != before.ID || !got.Since.Equal(before.Since) {
		t.Errorf("token before the refresh: %+v, want %+v", got, before)
	}
	h.write(fresh)
	if got := h.current(); got.ID != before.ID || got.Since.Before(before.Since) {
		t.Errorf("token after the refresh: %+v, want %+v", got, before)
	}
}

// Bob's role credentials are written while he is signed in. Then Alice's older token file
// comes back. Her sign-in counts from a time after the file's date, no matter how the file
// was restored.
func TestEarlierSignInIsBack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs links, and directories that can be renamed")
	}
	for name, tc := range map[string]struct {
		bring func(h *signInHome, user string) // makes user's token the current one
		seen  bool                             // a get ran with each
	}{
		"copy":            {bringCopy, false},
		"copy with date":  {bringCopyWithDate, false},
		"moved file":      {bringMoved, false},
		"link to a file":  {bringLink, false},
		"link to a dir":   {bringDirLink, false},
		"moved directory": {bringDir, true},
	} {
		for _, refreshed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " refreshed=", refreshed), func(t *testing.T) {
				h := newSignInHome(t)
				stored := filepath.Dir(filepath.Dir(h.file))
				for user, access := range map[string]string{"alice": "AT-alice", "bob": "AT-bob"} {
					if err := os.MkdirAll(filepath.Join(stored, user), 0o700); err != nil {
						t.Fatal(err)
					}
					h.write(changed(cliToken(), func(t *Token) { t.AccessToken, t.RefreshToken = secret.New(access), secret.New("RT-"+user) }))
					copyFile(t, h.file, filepath.Join(stored, user, "token.json"))
				}
				tc.bring(h, "alice")
				alice := h.current().Record(h.lock)
				if refreshed {
					token, err := ReadToken(h.file)
					if err != nil {
						t.Fatal(err)
					}
					RefreshOptions{Path: h.file, LockPath: h.lock}.recordRefresh(token, token)
				}
				tc.bring(h, "bob")
				if tc.seen {
					h.current().Record(h.lock)
				}
				role := filepath.Join(stored, "role.json")
				if err := os.WriteFile(role, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				wrote, err := safefile.Changed(role)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond) // more than a tick of the file system's clock
				tc.bring(h, "alice")
				back := h.current().Record(h.lock)
				if back.ID != alice.ID || !back.Since.After(wrote) {
					t.Errorf("back since %s, bob's role credentials are from %s; same sign-in: %v", back.Since, wrote, back.ID == alice.ID)
				}
				if again := h.current(); !again.Recorded || !again.Since.Equal(back.Since) || again.ID != back.ID {
					t.Errorf("read again: %+v, want %+v", again, back)
				}
			})
		}
	}
}

func bringCopy(h *signInHome, user string) {
	_ = os.Remove(h.file)
	copyFile(h.T, h.saved(user), h.file)
}

func bringCopyWithDate(h *signInHome, user string) {
	bringCopy(h, user)
	info, err := os.Stat(h.saved(user))
	if err == nil {
		err = os.Chtimes(h.file, info.ModTime(), info.ModTime())
	}
	if err != nil {
		h.Fatal(err)
	}
}

func bringMoved(h *signInHome, user string) {
	copyFile(h.T, h.saved(user), h.saved(user)+".copy")
	h.do(os.Rename(h.saved(user)+".copy", h.file))
}

func bringLink(h *signInHome, user string) {
	_ = os.Remove(h.file)
	h.do(os.Symlink(h.saved(user), h.file))
}

func bringDirLink(h *signInHome, user string) {
	h.do(os.RemoveAll(filepath.Dir(h.file)))
	h.do(os.Symlink(filepath.Dir(h.saved(user)), filepath.Dir(h.file)))
}

// bringDir renames the directory of the current user, and moves the directory of another user
// to its place.
func bringDir(h *signInHome, user string) {
	dir := filepath.Dir(h.file)
	for _, other := range []string{"alice", "bob"} {
		if _, err := os.Stat(filepath.Dir(h.saved(other))); err != nil {
			h.do(os.Rename(dir, filepath.Dir(h.saved(other))))
		}
	}
	_ = os.RemoveAll(dir)
	h.do(os.Rename(filepath.Dir(h.saved(user)), dir))
}

// saved returns the saved token file of a user.
func (h *signInHome) saved(user string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(h.file)), user, "token.json")
}

func (h *signInHome) do(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A token of another session must not count as a sign-in to this session.
func TestRefreshRecordIsPerSession(t *testing.T) {
	h := newSignInHome(t)
	before := h.current()
	h.refresh("AT2", "RT2")
	other := CurrentSignIn(h.file, filepath.Join(filepath.Dir(h.lock), "other"), "")
	if other.ID == "" || other.ID == before.ID {
		t.Errorf("with the lock of another session: %+v", other)
	}
	if none := CurrentSignIn(h.file, "", ""); none.ID != other.ID {
		t.Errorf("without a lock: %+v, want %+v", none, other)
	}
}

func TestSignInContainsNoSecret(t *testing.T) {
	h := newSignInHome(t)
	h.refresh("ACCESS-CANARY", "REFRESH-CANARY")
	note, err := os.ReadFile(h.lock + ".signin")
	if err != nil {
		t.Fatal(err)
	}
	if text := string(note) + h.current().ID; strings.Contains(text, "CANARY") {
		t.Error(text)
	}
}
