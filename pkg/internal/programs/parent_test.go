package programs

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The go command runs the test binary of a package.
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
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("this system does not provide it")
	}
	if self, parent := startOf(os.Getpid()), startOf(os.Getppid()); self == "" || parent == "" || self == startOf(1) {
		t.Errorf("this process started at %q, its parent at %q, the first one at %q", self, parent, startOf(1))
	}
	if got := startOf(1 << 30); got != "" {
		t.Errorf("a process that does not exist started at %q", got)
	}
}
