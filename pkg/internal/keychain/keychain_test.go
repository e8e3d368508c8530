package keychain

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

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
