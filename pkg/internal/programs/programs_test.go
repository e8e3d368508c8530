package programs

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func TestFindIgnoresWorkingDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("programs have other names on Windows")
	}
	here, there := t.TempDir(), t.TempDir()
	t.Chdir(here)
	for _, dir := range []string{here, there} {
		if err := os.WriteFile(filepath.Join(dir, "bait"), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"":                          "",
		".":                         "",
		":.:bin":                    "",
		":.:" + there:               filepath.Join(there, "bait"),
		there + "/none::" + there:   filepath.Join(there, "bait"),
		filepath.Join(there, "..x"): "",
	} {
		got, err := Find(env.FromMap(map[string]string{"PATH": path}), "bait")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("PATH=%q: %q, %v", path, got, err)
		}
	}
	for _, name := range []string{"./bait", "sub/bait", `.\bait`} {
		if got, err := Find(env.FromMap(map[string]string{"PATH": there}), name); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestChildrenGetNoRelativePathAndNoSecret(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("PATH has another form on Windows")
	}
	environ := []string{"PATH=:.:/bin:sub:/usr/bin", "HOME=/h", "AWS_SECRET_ACCESS_KEY=x", "https_proxy=http://u:p@h", "AWS_PROFILE=p", "odd"}
	if got := CleanPath(environ); got[0] != "PATH=/bin:/usr/bin" || len(got) != len(environ) {
		t.Errorf("%q", got)
	}
	if got := WithoutSecrets(environ); !slices.Equal(got, []string{environ[0], "HOME=/h", "https_proxy=http://u:p@h", "AWS_PROFILE=p", "odd"}) {
		t.Errorf("%q", got)
	}
	if !strings.HasPrefix(environ[0], "PATH=:") || len(environ) != 6 {
		t.Error("the argument was changed")
	}
}
