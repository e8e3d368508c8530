package tokencache

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// However many logins a session has left, and whatever has become of them: none
// outlives its sign-out, and nobody else's goes.
func TestASignOutLeavesNoLogin(t *testing.T) {
	c, clk := open(t)
	kept := entry(clk)
	kept.TokenFile = ""
	mustPut(t, c, kept)
	e := entry(clk)
	e.TokenFile = filepath.Join(t.TempDir(), "token.json")
	for i := range lookAt + 1 {
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
