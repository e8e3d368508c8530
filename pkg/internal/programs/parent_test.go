package programs

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

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
