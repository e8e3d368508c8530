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

// The go command runs a package's test binary.
func TestParentName(t *testing.T) {
	name := ParentName()
	switch runtime.GOOS {
	case "linux", "darwin", "windows":
		if name == "" || name != strings.ToLower(filepath.Base(name)) || strings.HasSuffix(name, ".exe") {
			t.Errorf("the parent is %q", name)
		}
	default:
		if name != "" {
			t.Errorf("the parent is %q", name)
		}
	}
}

func TestParentFileOfThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" && runtime.GOOS != "windows" {
		t.Skip("this system does not provide it")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	got, want := filepath.Base(parentFile(os.Getpid())), filepath.Base(self)
	if runtime.GOOS == "darwin" {
		want = want[:min(len(want), 16)]
	}
	if got != want {
		t.Errorf("this process is %q, not %q", got, want)
	}
	if got := parentFile(1 << 30); got != "" {
		t.Errorf("a process that does not exist is %q", got)
	}
}

func TestParentIDIsUnique(t *testing.T) {
	if id := ParentID(); id == "" || id != ParentID() {
		t.Errorf("ParentID = %q, then %q", id, ParentID())
	}
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" && runtime.GOOS != "windows" {
		t.Skip("this system does not provide it")
	}
	if self := startOf(os.Getpid()); self == "" || self == startOf(1) {
		t.Errorf("this process started at %q, the first one at %q", self, startOf(1))
	}
	if runtime.GOOS != "windows" && startOf(os.Getppid()) == "" { // under Wine, the parent is not a Windows process
		t.Error("the start of the parent is not known")
	}
	if got := startOf(1 << 30); got != "" {
		t.Errorf("a process that does not exist started at %q", got)
	}
}
