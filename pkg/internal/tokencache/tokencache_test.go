package tokencache

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	host  = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
	other = "210987654321.dkr.ecr.us-east-1.amazonaws.com"
)

// clock is a wall clock set by a test. It starts at the real time because the system sets
// the file dates.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func open(t *testing.T) (*Cache, *clock) {
	t.Helper()
	clk := &clock{time.Now()}
	return Open(filepath.Join(t.TempDir(), "cache"), clk.now), clk
}

func entry(clk *clock) Entry {
	return Entry{
		Host: host, Identity: "sso\x00corp\x00123456789012\x00Push", Endpoint: "https://api.ecr.eu-west-1.amazonaws.com",
		Profile: "dev", Username: "AWS", Password: secret.New("pass:\"wörd\"<&>"),
		ExpiresAt: clk.t.Add(12 * time.Hour), IssuedAt: clk.t,
	}
}

func key(e Entry) Key { return Key{e.Host, e.Identity, e.Endpoint, e.TokenFile, e.SignIn} }

func path(c *Cache, e Entry) string { return filepath.Join(c.dir, c.name(e)) }

func mustPut(t *testing.T, c *Cache, e Entry) {
	t.Helper()
	put := c.Put
	if e.Stored {
		put = c.Store
	}
	if err := put(e); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPutThenGet(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	mustPut(t, c, e)
	got, ok := c.Get(key(e))
	if !ok {
		t.Fatal("miss")
	}
	e.ExpiresAt, e.IssuedAt = e.ExpiresAt.UTC().Truncate(time.Second), e.IssuedAt.UTC().Truncate(time.Second)
	if diff := cmp.Diff(e, got, cmp.Comparer(secret.Secret.Equal)); diff != "" {
		t.Error(diff)
	}
	if !regexp.MustCompile(`^[0-9a-f]{16}-[0-9a-f]{16}\.v1\.json$`).MatchString(c.name(e)) {
		t.Errorf("name %s", c.name(e))
	}
	if _, ok := c.Stored(host); ok {
		t.Error("a fetched token counts as stored")
	}
}

// Each case changes one part of the key: the login of another identity is never returned.
func TestGetComparesWholeKey(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	mustPut(t, c, e)
	for what, change := range map[string]func(*Key){
		"host":     func(k *Key) { k.Host = other },
		"identity": func(k *Key) { k.Identity += "x" },
		"endpoint": func(k *Key) { k.Endpoint = "http://127.0.0.1:4566" },
		"border":   func(k *Key) { k.Identity, k.Endpoint = k.Identity+"\x00"+k.Endpoint, "" },
	} {
		k := key(e)
		change(&k)
		if _, ok := c.Get(k); ok {
			t.Errorf("another %s: hit", what)
		}
		// It is not returned even if the file is renamed to match the other key.
		moved := Entry{Host: k.Host, Identity: k.Identity, Endpoint: k.Endpoint}
		data, err := os.ReadFile(path(c, e))
		if err != nil {
			t.Fatal(err)
		}
		if c.name(moved) != c.name(e) {
			overwrite(t, path(c, moved), string(data))
		}
		if _, ok := c.Get(k); ok {
			t.Errorf("another %s, renamed file: hit", what)
		}
	}
	data, _ := os.ReadFile(path(c, e))
	overwrite(t, path(c, Entry{Host: host, Stored: true}), string(data))
	if _, ok := c.Stored(host); ok {
		t.Error("a fetched entry under a stored one's name: hit")
	}
}

func TestLife(t *testing.T) {
	tests := []struct {
		name   string
		left   time.Duration
		get    bool
		stored bool
	}{
		{"12 hours left", 12 * time.Hour, true, true},
		{"13 hours left", 13 * time.Hour, true, true},
		{"longer than any ECR token lives", 13*time.Hour + time.Second, false, false},
		{"two centuries left", 24 * 365 * 200 * time.Hour, false, false},
		{"just above the Margin", 10*time.Minute + time.Second, true, true},
		{"10 minutes left", 10 * time.Minute, false, true},
		{"one second left", time.Second, false, true},
		{"expired at this moment", 0, false, false},
		{"expired long ago", -time.Hour, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, clk := open(t)
			// The entry is written at one time and read at another.
			e := entry(clk)
			mustPut(t, c, e)
			e.Stored = true
			mustPut(t, c, e)
			clk.t = e.ExpiresAt.Truncate(time.Second).Add(-tt.left)
			if _, ok := c.Get(key(e)); ok != tt.get {
				t.Errorf("Get: %v", ok)
			}
			if _, ok := c.Stored(host); ok != tt.stored {
				t.Errorf("Stored: %v", ok)
			}
		})
	}
}

func TestStoreLimitsLifetime(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	e.ExpiresAt = clk.t.Add(20 * time.Hour)
	if err := c.Store(e); err != nil {
		t.Fatal(err)
	}
	got, ok := c.Stored(host)
	if !ok || got.ExpiresAt.After(clk.t.Add(13*time.Hour)) {
		t.Errorf("%v, until %v", ok, got.ExpiresAt)
	}
}

func TestTokenFileMustExist(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	e.TokenFile, e.SignIn = filepath.Join(t.TempDir(), "d", "token.json"), "one"
	mustPut(t, c, e)
	if _, ok := c.Get(key(e)); ok {
		t.Error("hit without the file")
	}
	if err := os.MkdirAll(filepath.Dir(e.TokenFile), 0o700); err != nil {
		t.Fatal(err)
	}
	overwrite(t, e.TokenFile, "")
	if _, ok := c.Get(key(e)); !ok {
		t.Error("miss with the file")
	}
	if err := os.Remove(e.TokenFile); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Get(key(e)); ok {
		t.Error("hit after the sign-out")
	}
	if len(c.List()) != 0 {
		t.Error("listed after the sign-out")
	}
}

// A login is returned only for its own sign-in and session.
func TestLoginBelongsToOneSignIn(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	e.TokenFile, e.SignIn = filepath.Join(t.TempDir(), "token.json"), "one"
	overwrite(t, e.TokenFile, "")
	mustPut(t, c, e)
	home := filepath.Join(t.TempDir(), "token.json")
	overwrite(t, home, "")
	for what, spoil := range map[string]func(*Key){
		"another sign-in":             func(k *Key) { k.SignIn = "two" },
		"signed out":                  func(k *Key) { k.SignIn = "" },
		"another home":                func(k *Key) { k.TokenFile = home },
		"no session":                  func(k *Key) { k.TokenFile, k.SignIn = "", "" },
		"no session, but its sign-in": func(k *Key) { k.TokenFile = "" },
	} {
		k := key(e)
		spoil(&k)
		if _, ok := c.Get(k); ok {
			t.Errorf("%s: hit", what)
		}
	}
	// An entry from an earlier version does not contain its sign-in.
	old := e
	old.SignIn = ""
	mustPut(t, c, old)
	if _, ok := c.Get(key(old)); ok {
		t.Error("an entry without a sign-in: hit")
	}
}

func TestLoginIsCheckedWhenDue(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	e.CheckAt, e.Credentials = clk.t.Add(time.Hour), "digest"
	mustPut(t, c, e)
	if _, ok := c.Get(key(e)); !ok {
		t.Error("miss before it is due")
	}
	clk.t = clk.t.Add(time.Hour)
	if _, ok := c.Get(key(e)); ok {
		t.Error("hit when it is due")
	}
	if _, ok := c.Checked(key(e), "digest"); !ok {
		t.Error("miss with the same credentials")
	}
	for _, other := range []string{"other", ""} {
		if _, ok := c.Checked(key(e), other); ok {
			t.Errorf("hit with credentials %q", other)
		}
	}
	e.Credentials = ""
	mustPut(t, c, e)
	if _, ok := c.Checked(key(e), ""); ok {
		t.Error("hit of an entry without credentials")
	}
}

func TestWithoutDirectory(t *testing.T) {
	for _, dir := range []string{"", "relative/cache"} {
		t.Chdir(t.TempDir())
		clk := &clock{time.Now()}
		c := Open(dir, clk.now)
		e := entry(clk)
		if err := errors.Join(c.Put(e), c.Erase(host)); err != nil {
			t.Error(err)
		}
		if err := c.Store(e); !errors.Is(err, ErrNoEntries) { // a docker login must not appear to succeed
			t.Error(err)
		}
		_, got := c.Get(key(e))
		_, stored := c.Stored(host)
		if got || stored || c.List() != nil || c.LockPath("host", host) != "" {
			t.Errorf("%q counts as a cache", dir)
		}
		if names, _ := os.ReadDir("."); len(names) > 0 {
			t.Errorf("%q: made %v", dir, names)
		}
	}
}

func TestList(t *testing.T) {
	c, clk := open(t)
	if got := c.List(); got != nil {
		t.Errorf("no directory: %v", got)
	}
	add := func(h, identity, user string, left time.Duration, stored bool) {
		e := entry(clk)
		e.Host, e.Identity, e.Username, e.ExpiresAt, e.Stored = h, identity, user, clk.t.Add(left), stored
		mustPut(t, c, e)
	}
	add(host, "a", "short", time.Hour, false)
	add(host, "b", "long", 2*time.Hour, false)
	add(other, "a", "fetched", 3*time.Hour, false)
	add(other, "", "stored", time.Minute, true)
	add("dead.example", "a", "dead", 5*time.Minute, false)
	overwrite(t, filepath.Join(c.dir, "junk.v1.json"), "null")
	var got []string
	for _, e := range c.List() {
		got = append(got, e.Host+" "+e.Username)
	}
	if diff := cmp.Diff([]string{host + " long", other + " stored"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLockPath(t *testing.T) {
	c, _ := open(t)
	a, b := c.LockPath("role", "../../x"), c.LockPath("role", "y")
	if a == b || a == c.LockPath("host", "../../x") || filepath.Dir(a) != filepath.Join(c.dir, "locks") {
		t.Errorf("got %s, %s", a, b)
	}
}

func TestHolds(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	if c.Holds(host, e.Password) {
		t.Error("no directory: held")
	}
	mustPut(t, c, e)
	if !c.Holds(host, e.Password) {
		t.Error("a fetched token: not held")
	}
	if c.Holds(other, e.Password) || c.Holds(host, secret.New("x")) {
		t.Error("another host or password: held")
	}
	clk.t = clk.t.Add(12 * time.Hour)
	if c.Holds(host, e.Password) {
		t.Error("an expired token: held")
	}
}
