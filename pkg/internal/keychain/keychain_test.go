package keychain

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func TestPlatformKeychain(t *testing.T) {
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
		if got := platformDefault(env.FromMap(map[string]string{"PATH": c.path}), c.goos); got != c.want {
			t.Errorf("%s: %s, not %s", c.goos, got, c.want)
		}
	}
}

func TestMissingProgramErrorNamesPackage(t *testing.T) {
	for name, says := range map[string]string{
		"secretservice": "is not on PATH (Debian and Ubuntu have it in the package golang-docker-credential-helpers)",
		"pass":          "golang-docker-credential-helpers",
		"osxkeychain":   "docker-credential-helper",
		"wincred":       "Docker Desktop",
		"other":         "docker-credential-other is not on PATH",
	} {
		_, err := New(env.FromMap(map[string]string{"PATH": t.TempDir()}), name, "").Look(t.Context())
		if !errors.Is(err, errNotInstalled) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
