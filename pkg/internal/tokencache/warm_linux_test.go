package tokencache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

const environment = "HOME=/home/x\n"

// plainEntry returns an entry with a password like ECR's: nothing in it needs escaping.
func plainEntry(clk *clock) Entry {
	e := entry(clk)
	e.Password = secret.New("cGFzc3dvcmQ=")
	return e
}

// warmEntry reads the warm entry of e as package warm does.
func warmEntry(t *testing.T, c *Cache, e Entry) (warmfile.Entry, bool) {
	t.Helper()
	key := warmfile.Key(e.Host, environment)
	data, err := os.ReadFile(filepath.Join(c.dir, warmfile.Name(e.Host, key)))
	if err != nil {
		return warmfile.Entry{}, false
	}
	var w warmfile.Entry
	ok := w.Parse(string(data), key)
	if !ok {
		t.Fatalf("not an entry: %s", data)
	}
	return w, true
}

func TestPutWarm(t *testing.T) {
	c, clk := open(t)
	e := plainEntry(clk)
	mustPut(t, c, e)
	files := []warmfile.File{{Path: "/home/x/.aws/config", State: "1.2.3.4.5"}}
	if err := c.PutWarm(e.Host, e, environment, files); err != nil {
		t.Fatal(err)
	}
	w, ok := warmEntry(t, c, e)
	if !ok {
		t.Fatal("no warm entry")
	}
	end := e.ExpiresAt.Truncate(time.Second).Unix()
	if w.Until != end-600 || w.From != end-13*3600 {
		t.Errorf("got %+v", w)
	}
	data, err := os.ReadFile(path(c, e))
	if err != nil || w.Before+e.Password.Reveal()+w.After+"\n" != string(data) || filepath.Join(c.dir, w.Login) != path(c, e) {
		t.Errorf("the login is %s, %v, framed by %s and %s", data, err, w.Before, w.After)
	}
	stored := filepath.Join(c.dir, c.name(Entry{Host: e.Host, Stored: true}))
	if want := []warmfile.File{{Path: stored, State: warmfile.Missing}, files[0]}; len(w.Files) != 2 || w.Files[0] != want[0] || w.Files[1] != want[1] {
		t.Errorf("got %+v", w.Files)
	}
	text, _ := warmfile.Marshal(w)
	if strings.Contains(text, e.Password.Reveal()) {
		t.Error("the password is in the warm entry")
	}
	if err := c.Erase(e.Host); err != nil {
		t.Fatal(err)
	}
	if _, ok := warmEntry(t, c, e); ok {
		t.Error("an erase did not remove it")
	}
}

func TestLoginsWithoutWarmEntry(t *testing.T) {
	for what, spoil := range map[string]func(c *Cache, e *Entry) *Cache{
		"another user name":                   func(c *Cache, e *Entry) *Cache { e.Username = "aws"; return c },
		"password that JSON escapes":          func(c *Cache, e *Entry) *Cache { e.Password = secret.New("a<b"); return c },
		"password with quotes":                func(c *Cache, e *Entry) *Cache { e.Password = secret.New(`a"b`); return c },
		"path with a line break":              func(c *Cache, e *Entry) *Cache { e.TokenFile = "/a\nb"; return c },
		"token file that was not looked at":   func(c *Cache, e *Entry) *Cache { e.TokenFile = "/a"; return c },
		"cache that is turned off":            func(c *Cache, e *Entry) *Cache { return c.WithoutEntries() },
		"encrypted cache":                     func(c *Cache, e *Entry) *Cache { return c.Encrypted((&keeper{key: strings.Repeat("k", keySize)}).get) },
		"directory that every user can write": func(c *Cache, e *Entry) *Cache { _ = os.Chmod(c.dir, 0o777); return c },
		"no directory":                        func(c *Cache, e *Entry) *Cache { return Open("", c.now) },
		"docker login that is live":           func(c *Cache, e *Entry) *Cache { _ = c.Store(*e); return c },
		"docker login that is broken": func(c *Cache, e *Entry) *Cache {
			_ = os.WriteFile(filepath.Join(c.dir, c.name(Entry{Host: e.Host, Stored: true})), nil, 0o600)
			return c
		},
	} {
		c, clk := open(t)
		e := plainEntry(clk)
		mustPut(t, c, e)
		other := spoil(c, &e)
		if err := other.PutWarm(e.Host, e, environment, nil); !errors.Is(err, errNotWarm) {
			t.Errorf("%s: error %v", what, err)
		}
		if _, ok := warmEntry(t, c, e); ok {
			t.Errorf("%s: a warm entry", what)
		}
	}
}

// A switch to encryption or to no entries deletes the earlier warm entries.
func TestSwitchRemovesWarmEntries(t *testing.T) {
	for _, switched := range []func(*Cache) *Cache{
		(*Cache).WithoutEntries,
		func(c *Cache) *Cache { return c.Encrypted((&keeper{err: errors.New("down")}).get) },
		func(c *Cache) *Cache { c.EraseSessions(); return c },
	} {
		c, clk := open(t)
		e := plainEntry(clk)
		mustPut(t, c, e)
		if err := c.PutWarm(e.Host, e, environment, nil); err != nil {
			t.Fatal(err)
		}
		switched(c).EraseOtherForms()
		if _, ok := warmEntry(t, c, e); ok {
			t.Error("a warm entry")
		}
	}
}

// A warm entry is valid until the check of its login is due, or until the login expires,
// whichever is first.
func TestWarmEntryExpiresWhenLoginIsDue(t *testing.T) {
	c, clk := open(t)
	for _, due := range []time.Duration{time.Hour, 12 * time.Hour} {
		e := plainEntry(clk)
		e.CheckAt, e.Credentials = clk.t.Add(due), "digest"
		mustPut(t, c, e)
		if err := c.PutWarm(e.Host, e, environment, nil); err != nil {
			t.Fatal(err)
		}
		want := min(e.CheckAt.Unix(), e.ExpiresAt.Truncate(time.Second).Unix()-600)
		if w, ok := warmEntry(t, c, e); !ok || w.Until != want {
			t.Errorf("due in %v: until %d, want %d", due, w.Until, want)
		}
	}
}

// If the clock is set back to before a stored login's expiry, that login is valid again.
// A warm entry is therefore not valid at that time.
func TestWarmAnswerBeginsAfterStoredLogin(t *testing.T) {
	c, clk := open(t)
	stored := plainEntry(clk)
	stored.ExpiresAt = clk.t.Add(time.Hour).Truncate(time.Second)
	if err := c.Store(stored); err != nil {
		t.Fatal(err)
	}
	clk.t = clk.t.Add(2 * time.Hour)
	e := plainEntry(clk)
	mustPut(t, c, e)
	if err := c.PutWarm(e.Host, e, environment, nil); err != nil {
		t.Fatal(err)
	}
	if w, ok := warmEntry(t, c, e); !ok || w.From != stored.ExpiresAt.Unix()+1 {
		t.Errorf("valid from %d, want %d", w.From, stored.ExpiresAt.Unix()+1)
	}
}
