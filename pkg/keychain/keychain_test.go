package keychain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/env"
)

func TestNamesAreNamesAndNoPaths(t *testing.T) {
	for name, ok := range map[string]bool{
		"pass": true, "secretservice": true, "osxkeychain": true, "wincred": true, "my-store-2": true,
		"": false, "ecr-sso": false, "../x": false, "a/b": false, `a\b`: false, "a.exe": false, "Pass": false, "a b": false,
		"a\n": false, "a;b": false, "ä": false, strings.Repeat("a", 65): false,
	} {
		if ValidName(name) != ok {
			t.Errorf("%q: %v", name, !ok)
		}
	}
}

func TestThePlatformsKeychain(t *testing.T) {
	with := t.TempDir()
	if err := os.WriteFile(filepath.Join(with, "pass"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ goos, path, want string }{
		{"darwin", with, "osxkeychain"}, {"windows", with, "wincred"}, {"linux", t.TempDir(), "secretservice"}, {"linux", with, "pass"},
	} {
		if os.PathSeparator == '\\' && c.want == "pass" {
			continue
		}
		if got := platforms(env.FromMap(map[string]string{"PATH": c.path}), c.goos); got != c.want {
			t.Errorf("%s: %s, not %s", c.goos, got, c.want)
		}
	}
}
