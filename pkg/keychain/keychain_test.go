package keychain

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/env"
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

// os/exec copies what a program prints with io.Copy, which would fill the memory
// through a ReadFrom of the buffer's.
func TestOutputIsBounded(t *testing.T) {
	out := &bounded{max: 10}
	if n, err := io.Copy(out, strings.NewReader(strings.Repeat("x", 1<<20))); n != 1<<20 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if out.kept.Len() != 10 || !out.over {
		t.Errorf("%d bytes kept, over: %v", out.kept.Len(), out.over)
	}
}
