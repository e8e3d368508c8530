package tokencache

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// keeper returns a key and counts the calls.
type keeper struct {
	key   string
	err   error
	asked int
}

func (k *keeper) get() (secret.Secret, error) {
	k.asked++
	return secret.New(k.key), k.err
}

func sealed(t *testing.T) (*Cache, *keeper, *clock) {
	t.Helper()
	c, clk := open(t)
	k := &keeper{key: strings.Repeat("k", keySize)}
	return c.Encrypted(k.get), k, clk
}

func TestEncryptedEntries(t *testing.T) {
	c, k, clk := sealed(t)
	e := entry(clk)
	mustPut(t, c, e)
	stored := e
	stored.Stored, stored.Password = true, secret.New("from docker login")
	mustPut(t, c, stored)
	again := Open(c.dir, clk.now).Encrypted(k.get)
	got, ok := again.Get(key(e))
	if !ok {
		t.Fatal("miss")
	}
	e.ExpiresAt, e.IssuedAt = e.ExpiresAt.UTC().Truncate(time.Second), e.IssuedAt.UTC().Truncate(time.Second)
	if diff := cmp.Diff(e, got, cmp.Comparer(secret.Secret.Equal)); diff != "" {
		t.Error(diff)
	}
	if got, ok := again.Stored(host); !ok || !got.Password.Equal(stored.Password) {
		t.Errorf("stored: %v", ok)
	}
	if list := again.List(); len(list) != 1 || !again.Holds(host, e.Password) || again.Holds(host, secret.New("x")) {
		t.Errorf("%d listed", len(list))
	}
	if k.asked != 2 { // once for each cache
		t.Errorf("the key was requested %d times", k.asked)
	}
	for _, file := range []string{path(c, e), path(c, stored)} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{e.Password.Reveal(), stored.Password.Reveal()} {
			for _, form := range []string{p, hex.EncodeToString([]byte(p)), base64.StdEncoding.EncodeToString([]byte(p))} {
				if bytes.Contains(data, []byte(form)) {
					t.Errorf("%s shows a password", filepath.Base(file))
				}
			}
		}
	}
}

// A change to any part of the file is a miss. A password moved to another entry is a miss
// too.
func TestEncryptedPasswordsAreBoundToTheirEntry(t *testing.T) {
	c, _, clk := sealed(t)
	e, second := entry(clk), entry(clk)
	second.Identity, second.Password = "another", secret.New("the other one's")
	mustPut(t, c, e)
	mustPut(t, c, second)
	good, err := os.ReadFile(path(c, e))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(path(c, second))
	if err != nil {
		t.Fatal(err)
	}
	fields := func(data []byte) map[string]any {
		m := map[string]any{}
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for field, value := range map[string]any{
		"sealed":     fields(theirs)["sealed"],
		"username":   "root",
		"profile":    "prod",
		"expires_at": clk.t.Add(13 * time.Hour).UTC().Truncate(time.Second),
		"issued_at":  clk.t.Add(time.Hour).UTC().Truncate(time.Second),
		"token_file": os.DevNull,
		"password":   nil, // see below
	} {
		m := fields(good)
		if m[field] = value; field == "password" {
			m["password"], m["sealed"] = "planted", nil
		}
		data, _ := json.Marshal(m)
		overwrite(t, path(c, e), string(data))
		if got, ok := c.Get(key(e)); ok {
			t.Errorf("%s changed: hit with %d bytes", field, len(got.Password.Reveal()))
		}
	}
	for i := range good {
		data := bytes.Clone(good)
		data[i] ^= 1
		overwrite(t, path(c, e), string(data))
		if got, ok := c.Get(key(e)); ok {
			// Differences that JSON ignores are allowed: the letter case of a name, or a space.
			e := e
			e.ExpiresAt, e.IssuedAt = got.ExpiresAt, got.IssuedAt
			if diff := cmp.Diff(e, got, cmp.Comparer(secret.Secret.Equal)); diff != "" {
				t.Fatalf("byte %d (%q): %s", i, data[max(0, i-8):min(len(data), i+8)], diff)
			}
		}
	}
	overwrite(t, path(c, e), string(good))
	if _, ok := c.Get(key(e)); !ok {
		t.Error("the unchanged entry: miss")
	}
}

func TestWithoutKey(t *testing.T) {
	c, k, clk := sealed(t)
	e := entry(clk)
	mustPut(t, c, e)
	before, _ := os.ReadFile(path(c, e))
	locked := &keeper{err: errors.New("locked")}
	var warnings []error
	c = Open(c.dir, clk.now).Reporting(func(err error) { warnings = append(warnings, err) }).Encrypted(locked.get)
	if _, ok := c.Get(Key{Host: other}); ok || locked.asked > 0 {
		t.Errorf("a missing entry: the key was requested %d times", locked.asked)
	}
	if _, ok := c.Get(key(e)); ok || len(c.List()) > 0 || c.Holds(host, e.Password) {
		t.Error("hit")
	}
	fresh := e
	fresh.Host = other
	for _, err := range []error{c.Put(e), c.Put(fresh), c.Store(fresh)} {
		if !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), "locked") {
			t.Errorf("error %v", err)
		}
	}
	if after, _ := os.ReadFile(path(c, e)); !bytes.Equal(before, after) {
		t.Error("the entry was touched")
	}
	if names, _ := filepath.Glob(filepath.Join(c.dir, "*-*")); len(names) != 1 {
		t.Errorf("%d files", len(names))
	}
	if locked.asked != 1 || len(warnings) == 0 || !errors.Is(warnings[0], ErrNoKey) {
		t.Errorf("the key was requested %d times, warnings: %v", locked.asked, warnings)
	}

	// A different key is a miss, which the next login fixes. A key of the wrong length is
	// an error.
	warnings = nil
	c = Open(c.dir, clk.now).Reporting(func(err error) { warnings = append(warnings, err) }).Encrypted((&keeper{key: strings.Repeat("x", keySize)}).get)
	if _, ok := c.Get(key(e)); ok || len(warnings) > 0 {
		t.Errorf("another key: hit %v, warnings: %v", ok, warnings)
	}
	mustPut(t, c, e)
	if _, ok := c.Get(key(e)); !ok {
		t.Error("not replaced")
	}
	k.key = strings.Repeat("k", 16)
	if err := Open(c.dir, clk.now).Encrypted(k.get).Put(e); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key of 16 bytes: %v", err)
	}
}

func TestEncryptionRemovesPlainEntries(t *testing.T) {
	for what, switched := range map[string]func(*Cache) *Cache{
		"to the keychain": func(c *Cache) *Cache { return c.Encrypted((&keeper{err: errors.New("down")}).get) },
		"to none":         (*Cache).WithoutEntries,
	} {
		c, clk := open(t)
		e := entry(clk)
		mustPut(t, c, e)
		overwrite(t, path(c, e), "damaged")
		mustPut(t, c, e)
		if names, _ := filepath.Glob(filepath.Join(c.dir, "*-*")); len(names) != 2 {
			t.Fatalf("%d files", len(names))
		}
		other := switched(c)
		if names, _ := filepath.Glob(filepath.Join(c.dir, "*-*")); len(names) != 2 {
			t.Errorf("%s: the new setting alone deleted entries: %v", what, names)
		}
		other.EraseOtherForms()
		if names, _ := filepath.Glob(filepath.Join(c.dir, "*-*")); len(names) != 0 {
			t.Errorf("%s: %v left", what, names)
		}
	}
}

func TestEraseOfEncryptedEntriesNeedsNoKey(t *testing.T) {
	c, k, clk := sealed(t)
	e := entry(clk)
	e.TokenFile = filepath.Join(t.TempDir(), "token.json")
	mustPut(t, c, e)
	k.asked = 0
	Open(c.dir, clk.now).EraseSessions()
	if _, err := os.Stat(path(c, e)); err == nil || k.asked > 0 {
		t.Errorf("error %v, the key was requested %d times", err, k.asked)
	}
}

// A record in plain text is unchanged after encryption and decryption. Data that was not
// encrypted with the key is never accepted.
func FuzzOpenSealed(f *testing.F) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	c := Open("/nowhere", func() time.Time { return now }).Encrypted((&keeper{key: strings.Repeat("k", keySize)}).get)
	good, err := c.vault.seal(entry(&clock{now}).record())
	if err != nil {
		f.Fatal(err)
	}
	data, _ := good.marshal()
	f.Add(data)
	f.Add([]byte(`{"host":"h","sealed":"AAAA"}`))
	f.Add([]byte(`{"host":"h","password":"p","sealed":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r record
		if json.Unmarshal(data, &r) != nil {
			return
		}
		opened, err := c.vault.open(r)
		if err != nil {
			return
		}
		// Only the record that was encrypted above can be decrypted.
		want := entry(&clock{now}).record()
		if diff := cmp.Diff(want, opened); diff != "" {
			t.Fatal(diff)
		}
	})
}
