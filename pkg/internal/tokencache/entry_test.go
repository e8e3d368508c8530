package tokencache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func TestDamagedEntriesAreReplaced(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	mustPut(t, c, e)
	good, err := os.ReadFile(path(c, e))
	if err != nil {
		t.Fatal(err)
	}
	with := func(old, new string) string {
		s := strings.Replace(string(good), old, new, 1)
		if s == string(good) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return s
	}
	for what, content := range map[string]string{
		"empty":                   "",
		"null":                    "null",
		"array":                   "[]",
		"cut":                     string(good[:len(good)/2]),
		"garbage":                 "\x00\xff\xfe",
		"byte-order mark":         "\ufeff" + string(good),
		"text behind":             string(good) + "{}",
		"null password":           with(`"password":"`, `"password":null,"x":"`),
		"no password":             with(`"password"`, `"passwort"`),
		"password that is a list": with(`"password":"`, `"password":["x"],"x":"`),
		"expiry in seconds":       with(`"expires_at":"`, `"expires_at":1764000000,"x":"`),
		"null expiry":             with(`"expires_at":"`, `"expires_at":null,"x":"`),
		"password with a newline": with(`pass:`, `pass\n`),
		"deep nesting":            strings.Repeat("[", 100_000),
		"more than 1 MiB":         string(good) + strings.Repeat(" ", 1<<20),
	} {
		overwrite(t, path(c, e), content)
		if _, ok := c.Get(key(e)); ok {
			t.Errorf("%s: hit", what)
		}
		if n := len(c.List()); n != 0 {
			t.Errorf("%s: listed", what)
		}
		mustPut(t, c, e)
		if _, ok := c.Get(key(e)); !ok {
			t.Errorf("%s: not replaced", what)
		}
		// A damaged file is renamed, with one renamed file per entry. Erase deletes it.
		if aside, err := os.ReadFile(path(c, e) + asideSuffix); err != nil || string(aside) != content {
			t.Errorf("%s: not renamed: %v", what, err)
		}
		if names, _ := filepath.Glob(filepath.Join(c.dir, "*-*")); len(names) != 2 {
			t.Errorf("%s: %d files", what, len(names))
		}
	}
}

func TestEraseRemovesDamagedEntries(t *testing.T) {
	c, clk := open(t)
	e := entry(clk)
	mustPut(t, c, e)
	overwrite(t, path(c, e), "null")
	mustPut(t, c, e)
	if err := c.Erase(host); err != nil {
		t.Error(err)
	}
	if names, _ := filepath.Glob(filepath.Join(c.dir, "*-*")); len(names) != 0 {
		t.Errorf("leftover files: %v", names)
	}
}

func TestPutRefuses(t *testing.T) {
	c, clk := open(t)
	for what, spoil := range map[string]func(*Entry){
		"no host":                     func(e *Entry) { e.Host = "" },
		"no user name":                func(e *Entry) { e.Username = "" },
		"user name with a line break": func(e *Entry) { e.Username = "AWS\n" },
		"no password":                 func(e *Entry) { e.Password = secret.Secret{} },
		"password of 64 KiB and one":  func(e *Entry) { e.Password = secret.New(strings.Repeat("x", 64<<10+1)) },
		"password with NUL":           func(e *Entry) { e.Password = secret.New("a\x00b") },
		"password with CR":            func(e *Entry) { e.Password = secret.New("a\rb") },
		"password that is not UTF-8":  func(e *Entry) { e.Password = secret.New("a\xffb") },
		"no expiry":                   func(e *Entry) { e.ExpiresAt = time.Time{} },
		"relative token file":         func(e *Entry) { e.TokenFile = "token.json" },
		"endless identity":            func(e *Entry) { e.Identity = strings.Repeat("x", 1<<20) },
		"year beyond dates":           func(e *Entry) { e.IssuedAt = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		e := entry(clk)
		spoil(&e)
		for _, put := range []func(Entry) error{c.Put, c.Store, Open("", clk.now).Put} {
			err := put(e)
			if what == "year beyond dates" && err == nil {
				continue // without a directory the entry is never encoded
			}
			if !errors.Is(err, ErrBadEntry) {
				t.Errorf("%s: error %v", what, err)
			}
			if err != nil && !e.Password.Empty() && strings.Contains(err.Error(), e.Password.Reveal()) {
				t.Errorf("%s: the error shows the password", what)
			}
		}
	}
	e := entry(clk)
	e.Password = secret.New(strings.Repeat("\"", 64<<10))
	mustPut(t, c, e)
	if _, ok := c.Get(key(e)); !ok {
		t.Error("the longest password, all escaped: miss")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"host":"h","identity":"i\u0000","endpoint":"e","username":"AWS","password":"p","expires_at":"2026-11-23T08:28:21.5+01:00","issued_at":"2026-11-23T08:28:21Z"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parse(data)
		if err != nil {
			return
		}
		text, err := marshal(e)
		if err != nil {
			return // a year that is valid only in another time zone
		}
		again, err := parse(text)
		if err != nil {
			t.Fatalf("%s: error %v", text, err)
		}
		if diff := cmp.Diff(e, again, cmp.Comparer(secret.Secret.Equal)); diff != "" {
			t.Fatal(diff)
		}
		if strings.ContainsAny(again.Username+again.Password.Reveal()+again.Host, "\x00\r\n") || len(again.Password.Reveal()) > maxPassword {
			t.Fatal("a token that must not be printed was accepted")
		}
	})
}

func TestRenewAt(t *testing.T) {
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	none := func(time.Duration) time.Duration { return 0 }
	all := func(d time.Duration) time.Duration { return d }
	for _, tt := range []struct {
		name             string
		life             time.Duration
		first            bool
		earliest, latest time.Duration
	}{
		{"first login of a machine", 12 * time.Hour, true, time.Hour, 11*time.Hour + 50*time.Minute},
		{"later login", 12 * time.Hour, false, 11 * time.Hour, 11*time.Hour + 50*time.Minute},
		{"short first login", time.Hour, true, 5 * time.Minute, 50 * time.Minute},
		{"short later login", 30 * time.Minute, false, 0, 20 * time.Minute},
		{"login that is hardly used", 10 * time.Minute, false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expires := issued.Add(tt.life)
			earliest, latest := RenewAt(issued, expires, tt.first, none), RenewAt(issued, expires, tt.first, all)
			if earliest.Sub(issued) != tt.earliest || latest.Sub(issued) != tt.latest {
				t.Errorf("from %v to %v", earliest.Sub(issued), latest.Sub(issued))
			}
		})
	}
}
