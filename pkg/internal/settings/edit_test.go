package settings

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMapKeepsEverythingElse(t *testing.T) {
	const old = "# mine\n\nlogin   = 'never'\t# no browser\n\n[registries] # who\n" +
		"  # first\n  'a.b' = \"x\" # keep\n  \"c.*\"   =   'y'\n\n# the end"
	for name, c := range map[string]struct{ before, pattern, profile, after string }{
		"an empty file": {"", "a.b", "x", "[registries]\n\"a.b\" = \"x\"\n"},
		"a new mapping goes behind the last, indented as it is": {old, "new.host", "z",
			strings.Replace(old, "'y'\n", "'y'\n  \"new.host\" = \"z\"\n", 1)},
		"a key in single quotes is the same key": {old, "a.b", "z",
			strings.Replace(old, `"x" #`, `"z" #`, 1)},
		"a value in single quotes":                             {old, "c.*", "z", strings.Replace(old, "'y'", `"z"`, 1)},
		"the same profile changes nothing, the quotes neither": {old, "c.*", "y", old},
		"the case of the pattern does not count":               {old, "A.B", "x", old},
		"the key keeps its letters":                            {"[registries]\n\"A.B\" = \"x\"\n", "a.b", "z", "[registries]\n\"A.B\" = \"z\"\n"},
		"CRLF stays": {"login = \"auto\"\r\n[registries]\r\n\"a.b\" = \"x\"\r\n", "c.d", "y",
			"login = \"auto\"\r\n[registries]\r\n\"a.b\" = \"x\"\r\n\"c.d\" = \"y\"\r\n"},
		"CRLF without a last newline": {"[registries]\r\n\"a.b\" = \"x\"", "c.d", "y",
			"[registries]\r\n\"a.b\" = \"x\"\r\n\"c.d\" = \"y\"\r\n"},
		"the byte-order mark stays":    {"\ufeff[registries]\n", "a.b", "x", "\ufeff[registries]\n\"a.b\" = \"x\"\n"},
		"a byte-order mark alone":      {"\ufeff", "a.b", "x", "\ufeff[registries]\n\"a.b\" = \"x\"\n"},
		"no table yet":                 {"login = \"never\"\n", "a.b", "x", "login = \"never\"\n\n[registries]\n\"a.b\" = \"x\"\n"},
		"no table and no last newline": {"login = \"never\"", "a.b", "x", "login = \"never\"\n\n[registries]\n\"a.b\" = \"x\"\n"},
		"no table, CRLF":               {"login = \"never\"\r\n", "a.b", "x", "login = \"never\"\r\n\r\n[registries]\r\n\"a.b\" = \"x\"\r\n"},
		"an empty table in front of comments": {"[ registries ] # ]\n# a\n# b\n", "a.b", "x",
			"[ registries ] # ]\n\"a.b\" = \"x\"\n# a\n# b\n"},
		"an empty table without a newline": {"[registries]", "a.b", "x", "[registries]\n\"a.b\" = \"x\"\n"},
		"dotted keys": {"registries.'a.b' = 'x'\nlogin = 'auto'", "c.d", "y",
			"registries.'a.b' = 'x'\nregistries.\"c.d\" = \"y\"\nlogin = 'auto'"},
		"a dotted key is changed": {"registries . 'a.b' = 'x'\n", "a.b", "y", "registries . 'a.b' = \"y\"\n"},
		"a value in braces is changed": {"registries = { 'a.b' = 'x', 'c.d' = 'y' }\n", "a.b", "z",
			"registries = { 'a.b' = \"z\", 'c.d' = 'y' }\n"},
		"a value over several lines": {"[registries]\n\"a.b\" = \"\"\"\\\n  x\"\"\"\n\"c.d\" = 'y'\n", "a.b", "z",
			"[registries]\n\"a.b\" = \"z\"\n\"c.d\" = 'y'\n"},
		"an escaped key": {"[registries]\n\"\\u0061.b\" = \"x\"\n", "a.b", "y", "[registries]\n\"\\u0061.b\" = \"y\"\n"},
		"quotes and backslashes in the profile": {"", "a.b", `DOM\it's "x" [1] #ü`,
			"[registries]\n\"a.b\" = \"DOM\\\\it's \\\"x\\\" [1] #ü\"\n"},
		"tabs stay": {"[registries]\n\t\"a.b\"\t=\t\"x\"\n", "c.d", "y", "[registries]\n\t\"a.b\"\t=\t\"x\"\n\t\"c.d\" = \"y\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.before)
			for range 2 { // twice is the same as once
				if err := Map(path, c.pattern, c.profile); err != nil {
					t.Fatal(err)
				}
				after, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.after, string(after)); diff != "" {
					t.Fatal(diff)
				}
			}
			s, err := Load(path)
			if err != nil || s.Registries[strings.ToLower(c.pattern)] != c.profile {
				t.Errorf("read back: %q, %v", s.Registries, err)
			}
		})
	}
}

func TestMapRefuses(t *testing.T) {
	for name, c := range map[string]struct{ before, pattern, profile string }{
		"a bad pattern":                 {"", "https://a.b", "x"},
		"an empty profile":              {"", "a.b", ""},
		"a newline in the profile":      {"", "a.b", "x\n[evil]"},
		"a carriage return":             {"", "a.b", "x\r"},
		"a NUL":                         {"", "a.b", "x\x00"},
		"invalid UTF-8":                 {"", "a.b", "x\xff"},
		"a file that is no TOML":        {"[registries\n", "a.b", "x"},
		"a file with an unknown key":    {"foo = 1\n", "a.b", "x"},
		"a new mapping within braces":   {"registries = {}\n", "a.b", "x"},
		"another one within braces too": {"registries = { 'a.b' = 'x' }\n", "c.d", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.before)
			if err := Map(path, c.pattern, c.profile); err == nil {
				t.Error("taken")
			}
			if after, _ := os.ReadFile(path); string(after) != c.before {
				t.Errorf("the file is now %q", after)
			}
		})
	}
	if err := Map("", "a.b", "x"); !errors.Is(err, errNoPath) {
		t.Errorf("no path: %v", err)
	}
}

func TestMapMakesTheFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "docker-credential-ecr-sso")
	path := filepath.Join(dir, "config.toml")
	if err := Map(path, host, "dev"); err != nil {
		t.Fatal(err)
	}
	s, err := Load(path)
	if profile, _, ok := s.Match(host); err != nil || !ok || profile != "dev" {
		t.Errorf("read back: %v, %+v", err, s)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", path, info.Mode().Perm(), err)
		}
	}
}

func TestMapKeepsALinkAndTheMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	target := put(t, "# dotfiles\n")
	if err := os.Chmod(target, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "config.toml")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := Map(link, "a.b", "x"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	info, err := os.Stat(target)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if data, _ := os.ReadFile(target); !bytes.Contains(data, []byte(`"a.b" = "x"`)) {
		t.Errorf("the target holds %q", data)
	}
}

func TestMapWritesNothingWhenNothingChanges(t *testing.T) {
	path := put(t, "[registries]\n'a.b' = 'x'\n")
	past := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
	if err := Map(path, "a.b", "x"); err != nil {
		t.Fatal(err)
	}
	if found, err := Unmap(path, "c.d"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if info, _ := os.Stat(path); !info.ModTime().Equal(past) {
		t.Error("the file was written")
	}
}

func TestParallelEditsAreAllKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	hosts := []string{"a.x", "b.x", "c.x", "d.x", "e.x", "f.x"}
	var wg sync.WaitGroup
	for _, h := range hosts {
		wg.Go(func() {
			if err := Map(path, h, "p"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s, err := Load(path)
	if err != nil || len(s.Registries) != len(hosts) {
		t.Errorf("%v, %v", s.Registries, err)
	}
}

func TestUnmap(t *testing.T) {
	const text = "# mine\r\n[registries]\r\n  'a.b' = \"x\" # gone with it\r\n\r\n\"C.*\" = 'y'"
	for name, c := range map[string]struct {
		before, pattern, after string
		found                  bool
	}{
		"the line and its comment go":   {text, "a.b", "# mine\r\n[registries]\r\n\r\n\"C.*\" = 'y'", true},
		"the last line":                 {text, "c.*", "# mine\r\n[registries]\r\n  'a.b' = \"x\" # gone with it\r\n\r\n", true},
		"a pattern that is not there":   {text, "d.e", text, false},
		"a host that a pattern matches": {text, "c.d", text, false},
		"a dotted key":                  {"registries.'a.b' = 'x'\nlogin = 'auto'\n", "a.b", "login = 'auto'\n", true},
		"several lines":                 {"[registries]\n'a.b' = '''\nx'''\n", "a.b", "[registries]\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.before)
			found, err := Unmap(path, c.pattern)
			if err != nil || found != c.found {
				t.Fatalf("found %v, %v", found, err)
			}
			after, _ := os.ReadFile(path)
			if diff := cmp.Diff(c.after, string(after)); diff != "" {
				t.Error(diff)
			}
		})
	}
	path := put(t, "registries = { 'a.b' = 'x' }\n")
	if found, err := Unmap(path, "a.b"); found || !errors.Is(err, errInline) {
		t.Errorf("within braces: %v, %v", found, err)
	}
	if _, err := Unmap(path, "https://a.b"); err == nil {
		t.Error("a bad pattern was taken")
	}
}

// FuzzEdit holds that an edit changes the one mapping and keeps every line of
// the file but one, and that taking it back gives the bytes from before.
func FuzzEdit(f *testing.F) {
	f.Add("# c\n[registries]\n'a.b' = 'x'\n", "c.d", "y")
	f.Add("registries.'a.b' = 'x'\r\nlogin = \"auto\"", "a.b", "y")
	f.Add("\ufefflogin = 'never'", "*.dkr.ecr.*.amazonaws.com", "my \"dev\"\\")
	f.Add("[registries]\n\"a.b\" = '''\n\nx'''\n", "e.f", "x")
	f.Fuzz(func(t *testing.T, text, pattern, profile string) {
		d, err := parse("f", []byte(text))
		if err != nil || checkProfile(profile) != nil {
			return
		}
		folded, err := checkPattern(pattern)
		if err != nil {
			return
		}
		edited, err := d.set(folded, profile)
		if errors.Is(err, errInline) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		after, err := parse("f", edited)
		if err != nil {
			t.Fatalf("edited %q to %q: %v", text, edited, err)
		}
		_, known := d.settings.Registries[folded]
		d.settings.Registries[folded] = profile
		if diff := cmp.Diff(d.settings, after.settings); diff != "" {
			t.Fatalf("edited %q to %q: %s", text, edited, diff)
		}
		if known || d.header == 0 && len(d.mappings) == 0 {
			return // another value, or a new table: there is no line to take back
		}
		back, err := after.drop(folded)
		if err != nil {
			t.Fatal(err)
		}
		if s := strings.TrimRight(string(d.data), "\r\n"); strings.TrimRight(string(back), "\r\n") != s {
			t.Errorf("taken back: %q, want %q", back, d.data)
		}
	})
}
