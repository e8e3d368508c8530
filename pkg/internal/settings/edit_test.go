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
	"github.com/pelletier/go-toml/v2"
)

func TestMapPreservesRestOfFile(t *testing.T) {
	const old = "# mine\n\nlogin   = 'never'\t# no browser\n\n[registries] # who\n" +
		"  # first\n  'public.ecr.aws' = \"x\" # keep\n  \"*.ecr.aws\"   =   'y'\n\n# the end"
	for name, c := range map[string]struct{ before, pattern, profile, after string }{
		"empty file": {"", "public.ecr.aws", "x", "[registries]\n\"public.ecr.aws\" = \"x\"\n"},
		"new mapping is added after the last, with its indentation": {old, "123456789012.dkr.ecr.*.amazonaws.com", "z",
			strings.Replace(old, "'y'\n", "'y'\n  \"123456789012.dkr.ecr.*.amazonaws.com\" = \"z\"\n", 1)},
		"key in single quotes is the same key": {old, "public.ecr.aws", "z",
			strings.Replace(old, `"x" #`, `"z" #`, 1)},
		"value in single quotes":                           {old, "*.ecr.aws", "z", strings.Replace(old, "'y'", `"z"`, 1)},
		"same profile changes nothing, the quotes neither": {old, "*.ecr.aws", "y", old},
		"case of the pattern is ignored":                   {old, "PUBLIC.ecr.aws", "x", old},
		"key keeps its letters":                            {"[registries]\n\"PUBLIC.ecr.aws\" = \"x\"\n", "public.ecr.aws", "z", "[registries]\n\"PUBLIC.ecr.aws\" = \"z\"\n"},
		"CRLF is kept": {"login = \"auto\"\r\n[registries]\r\n\"public.ecr.aws\" = \"x\"\r\n", "ecr-public.aws.com", "y",
			"login = \"auto\"\r\n[registries]\r\n\"public.ecr.aws\" = \"x\"\r\n\"ecr-public.aws.com\" = \"y\"\r\n"},
		"CRLF without a last newline": {"[registries]\r\n\"public.ecr.aws\" = \"x\"", "ecr-public.aws.com", "y",
			"[registries]\r\n\"public.ecr.aws\" = \"x\"\r\n\"ecr-public.aws.com\" = \"y\"\r\n"},
		"byte-order mark is kept":      {"\ufeff[registries]\n", "public.ecr.aws", "x", "\ufeff[registries]\n\"public.ecr.aws\" = \"x\"\n"},
		"byte-order mark alone":        {"\ufeff", "public.ecr.aws", "x", "\ufeff[registries]\n\"public.ecr.aws\" = \"x\"\n"},
		"no table yet":                 {"login = \"never\"\n", "public.ecr.aws", "x", "login = \"never\"\n\n[registries]\n\"public.ecr.aws\" = \"x\"\n"},
		"no table and no last newline": {"login = \"never\"", "public.ecr.aws", "x", "login = \"never\"\n\n[registries]\n\"public.ecr.aws\" = \"x\"\n"},
		"no table, CRLF":               {"login = \"never\"\r\n", "public.ecr.aws", "x", "login = \"never\"\r\n\r\n[registries]\r\n\"public.ecr.aws\" = \"x\"\r\n"},
		"empty table in front of comments": {"[ registries ] # ]\n# a\n# b\n", "public.ecr.aws", "x",
			"[ registries ] # ]\n\"public.ecr.aws\" = \"x\"\n# a\n# b\n"},
		"empty table without a newline": {"[registries]", "public.ecr.aws", "x", "[registries]\n\"public.ecr.aws\" = \"x\"\n"},
		"dotted keys": {"registries.'public.ecr.aws' = 'x'\nlogin = 'auto'", "ecr-public.aws.com", "y",
			"registries.'public.ecr.aws' = 'x'\nregistries.\"ecr-public.aws.com\" = \"y\"\nlogin = 'auto'"},
		"dotted key is changed": {"registries . 'public.ecr.aws' = 'x'\n", "public.ecr.aws", "y", "registries . 'public.ecr.aws' = \"y\"\n"},
		"value in braces is changed": {"registries = { 'public.ecr.aws' = 'x', 'ecr-public.aws.com' = 'y' }\n", "public.ecr.aws", "z",
			"registries = { 'public.ecr.aws' = \"z\", 'ecr-public.aws.com' = 'y' }\n"},
		"value over several lines": {"[registries]\n\"public.ecr.aws\" = \"\"\"\\\n  x\"\"\"\n\"ecr-public.aws.com\" = 'y'\n", "public.ecr.aws", "z",
			"[registries]\n\"public.ecr.aws\" = \"z\"\n\"ecr-public.aws.com\" = 'y'\n"},
		"escaped key": {"[registries]\n\"\\u0070ublic.ecr.aws\" = \"x\"\n", "public.ecr.aws", "y", "[registries]\n\"\\u0070ublic.ecr.aws\" = \"y\"\n"},
		"quotes and backslashes in the profile": {"", "public.ecr.aws", `DOM\it's "x" [1] #ü`,
			"[registries]\n\"public.ecr.aws\" = \"DOM\\\\it's \\\"x\\\" [1] #ü\"\n"},
		"tabs are kept": {"[registries]\n\t\"public.ecr.aws\"\t=\t\"x\"\n", "ecr-public.aws.com", "y", "[registries]\n\t\"public.ecr.aws\"\t=\t\"x\"\n\t\"ecr-public.aws.com\" = \"y\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.before)
			for range 2 { // a second call changes nothing
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
		"bad pattern":                   {"", "https://public.ecr.aws", "x"},
		"empty profile":                 {"", "public.ecr.aws", ""},
		"newline in the profile":        {"", "public.ecr.aws", "x\n[evil]"},
		"carriage return":               {"", "public.ecr.aws", "x\r"},
		"a NUL":                         {"", "public.ecr.aws", "x\x00"},
		"invalid UTF-8":                 {"", "public.ecr.aws", "x\xff"},
		"file that is not TOML":         {"[registries\n", "public.ecr.aws", "x"},
		"file with an unknown key":      {"foo = 1\n", "public.ecr.aws", "x"},
		"new mapping within braces":     {"registries = {}\n", "public.ecr.aws", "x"},
		"another one within braces too": {"registries = { 'public.ecr.aws' = 'x' }\n", "ecr-public.aws.com", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.before)
			if err := Map(path, c.pattern, c.profile); err == nil {
				t.Error("Map returned no error")
			}
			if after, _ := os.ReadFile(path); string(after) != c.before {
				t.Errorf("the file is now %q", after)
			}
		})
	}
	if err := Map("", "public.ecr.aws", "x"); !errors.Is(err, errNoPath) {
		t.Errorf("no path: %v", err)
	}
}

func TestMapCreatesFile(t *testing.T) {
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

func TestMapPreservesLinkAndMode(t *testing.T) {
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
	if err := Map(link, "public.ecr.aws", "x"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	info, err := os.Stat(target)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if data, _ := os.ReadFile(target); !bytes.Contains(data, []byte(`"public.ecr.aws" = "x"`)) {
		t.Errorf("the target holds %q", data)
	}
}

func TestMapWritesNothingWhenNothingChanges(t *testing.T) {
	path := put(t, "[registries]\n'public.ecr.aws' = 'x'\n")
	past := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
	if err := Map(path, "public.ecr.aws", "x"); err != nil {
		t.Fatal(err)
	}
	if found, err := Unmap(path, "ecr-public.aws.com"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if info, _ := os.Stat(path); !info.ModTime().Equal(past) {
		t.Error("the file was written")
	}
}

func TestParallelEditsLoseNoMapping(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	hosts := []string{"public.*.aws", "p*.ecr.aws", "pu*.ecr.aws", "pub*.ecr.aws", "publ*.ecr.aws", "*.ecr.aws"}
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
		t.Errorf("got %v, error %v", s.Registries, err)
	}
}

func TestUnmap(t *testing.T) {
	const text = "# mine\r\n[registries]\r\n  'public.ecr.aws' = \"x\" # gone with it\r\n\r\n\"*.ECR.aws\" = 'y'"
	for name, c := range map[string]struct {
		before, pattern, after string
		found                  bool
	}{
		"line and its comment go":     {text, "public.ecr.aws", "# mine\r\n[registries]\r\n\r\n\"*.ECR.aws\" = 'y'", true},
		"last line":                   {text, "*.ecr.aws", "# mine\r\n[registries]\r\n  'public.ecr.aws' = \"x\" # gone with it\r\n\r\n", true},
		"pattern that does not exist": {text, "*.*.aws", text, false},
		"host that a pattern matches": {text, "ecr-public.aws.com", text, false},
		"dotted key":                  {"registries.'public.ecr.aws' = 'x'\nlogin = 'auto'\n", "public.ecr.aws", "login = 'auto'\n", true},
		"several lines":               {"[registries]\n'public.ecr.aws' = '''\nx'''\n", "public.ecr.aws", "[registries]\n", true},
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
	path := put(t, "registries = { 'public.ecr.aws' = 'x' }\n")
	if found, err := Unmap(path, "public.ecr.aws"); found || !errors.Is(err, errInline) {
		t.Errorf("within braces: %v, %v", found, err)
	}
	if _, err := Unmap(path, "https://public.ecr.aws"); err == nil {
		t.Error("a bad pattern was accepted")
	}
}

// FuzzEdit checks that an edit changes one mapping and leaves all lines but one
// unchanged, and that undoing the edit restores the original bytes.
func FuzzEdit(f *testing.F) {
	f.Add("registries.'public.ecr.aws' = 'x'\n[aliases]\n'r.example' = 'public.ecr.aws'\n[registries]\n", "public.ecr.aws", "y")
	f.Add("roles = ['a', 1979-05-27, 1_0, {}]\n", "public.ecr.aws", "y")
	f.Add("# c\n[registries]\n'public.ecr.aws' = 'x'\n", "ecr-public.aws.com", "y")
	f.Add("registries.'public.ecr.aws' = 'x'\r\nlogin = \"auto\"", "public.ecr.aws", "y")
	f.Add("\ufefflogin = 'never'", "*.dkr.ecr.*.amazonaws.com", "my \"dev\"\\")
	f.Add("[registries]\n\"public.ecr.aws\" = '''\n\nx'''\n", "*.ecr.aws", "x")
	f.Fuzz(func(t *testing.T, text, pattern, profile string) {
		d, err := parse("f", []byte(text))
		var all map[string]any
		if bad := toml.Unmarshal([]byte(strings.TrimPrefix(text, "\ufeff")), &all); bad != nil && err == nil {
			t.Fatalf("%q is accepted, but is not TOML: %v", text, bad)
		}
		if err != nil || checkProfile(profile) != nil {
			return
		}
		folded, err := checkPattern(pattern)
		if err != nil {
			return
		}
		edited, err := d.set(registries, folded, profile)
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
		if known || d.header[registries] == 0 && len(d.mappings) == 0 {
			return // another value, or a new table: there is no single line to remove
		}
		back, err := after.drop(registries, folded)
		if err != nil {
			t.Fatal(err)
		}
		if s := strings.TrimRight(string(d.data), "\r\n"); strings.TrimRight(string(back), "\r\n") != s {
			t.Errorf("after the removal: %q, want %q", back, d.data)
		}
	})
}
