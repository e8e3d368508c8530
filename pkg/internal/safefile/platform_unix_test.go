//go:build unix

package safefile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestRepair(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can write everywhere")
	}
	home := t.TempDir()
	path := filepath.Join(home, ".aws", "sso", "cache", "x.json")
	want := func(what, command string) {
		t.Helper()
		if _, got := Repair(path, "login"); got != command {
			t.Errorf("%s: %q, want %q", what, got, command)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want("no problem", "")
	must(os.WriteFile(filepath.Join(home, ".aws"), nil, 0o600))
	want("a file in the way", fmt.Sprintf("mv %s/.aws %s/.aws.old", home, home))
	must(os.Remove(filepath.Join(home, ".aws")))
	must(os.MkdirAll(filepath.Dir(path), 0o700))
	sso := filepath.Join(home, ".aws", "sso")
	must(os.Chmod(filepath.Dir(path), 0o500))
	want("a directory without w", "chmod u+rwx "+filepath.Dir(path))
	must(os.Chmod(filepath.Dir(path), 0o700))
	must(os.Chmod(sso, 0o600))
	want("a directory without x", "chmod u+rwx "+sso)
	must(os.Chmod(sso, 0o700))
	must(os.Mkdir(path, 0o700))
	want("a directory in its place", "rmdir "+path)
	must(os.Mkdir(filepath.Join(path, "file"), 0o700))
	want("a directory that is not empty", "mv "+path+" "+path+".old")
	must(os.RemoveAll(sso))
	must(os.Symlink("missing", sso))
	want("a link to a missing directory", "mv "+sso+" "+sso+".old")
	must(os.WriteFile(filepath.Join(home, ".aws", "missing"), nil, 0o600))
	want("a link to a file", "mv "+sso+" "+sso+".old")
	must(os.Remove(filepath.Join(home, ".aws", "missing")))
	must(os.MkdirAll(filepath.Join(home, ".aws", "missing", "cache"), 0o700))
	want("a link to a directory", "")
	path = "/etc/ecr-sso/x.json"
	want("a directory of the system's", "")

	path = filepath.Join(home, ".aws", "sso", "cache", "y.json")
	must(os.WriteFile(path, nil, 0o000))
	want("a file that is replaced", "")
	if cause, command := Repair(path, ""); cause != path+" has mode 0000" || command != "chmod u+rw "+path {
		t.Errorf("a file that is read: %q, %q", cause, command)
	}
	must(os.Chmod(path, 0o600))
	if cause, command := Repair(path, ""); cause != "" || command != "" {
		t.Errorf("a file that can be read: %q, %q", cause, command)
	}
	if cause, command := Repair("/etc/passwd", ""); cause != "" || command != "" {
		t.Errorf("a file of the system: %q, %q", cause, command)
	}
}
