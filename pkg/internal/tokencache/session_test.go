package tokencache

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// A sign-in deletes the logins of its session and no other logins.
func TestSignInErasesLoginsBeforeIt(t *testing.T) {
	c, clk := open(t)
	session, other := filepath.Join(t.TempDir(), "token.json"), filepath.Join(t.TempDir(), "token.json")
	var entries []Entry
	// The last one is from a get during which the user signed out: it has no sign-in.
	for _, of := range [][2]string{{session, "one"}, {session, "two"}, {other, "one"}, {"", ""}, {session, ""}} {
		e := entry(clk)
		e.TokenFile, e.SignIn, e.Identity = of[0], of[1], of[0]+of[1]
		mustPut(t, c, e)
		entries = append(entries, e)
	}
	left := func() string {
		found := ""
		for i, e := range entries {
			if _, err := os.Stat(path(c, e)); err == nil {
				found += strconv.Itoa(i)
			}
		}
		return found
	}
	for _, step := range []struct{ but, left string }{{"one", "023"}, {"", "23"}, {"", "23"}} {
		if c.EraseSession(session, step.but); left() != step.left {
			t.Errorf("but %q: %s are left, not %s", step.but, left(), step.left)
		}
		mustPut(t, c, entries[4])
	}
}

// A sign-out deletes all logins of the session, regardless of their number and state. It
// deletes no logins of other sessions.
func TestSignOutLeavesNoLogin(t *testing.T) {
	c, clk := open(t)
	kept := entry(clk)
	kept.TokenFile = ""
	mustPut(t, c, kept)
	e := entry(clk)
	e.TokenFile = filepath.Join(t.TempDir(), "token.json")
	for i := range maxListed + 1 {
		e.Identity = strconv.Itoa(i)
		mustPut(t, c, e)
	}
	overwrite(t, path(c, e), `{"password":"whose?"`)
	mustPut(t, c, e)
	if _, err := os.Stat(path(c, e) + asideSuffix); err != nil {
		t.Fatal(err)
	}
	c.EraseSessions()
	if left, _ := filepath.Glob(filepath.Join(c.dir, "*-*")); len(left) != 1 || left[0] != path(c, kept) {
		t.Errorf("%d are left", len(left))
	}
}
