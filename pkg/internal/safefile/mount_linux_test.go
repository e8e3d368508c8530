package safefile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

func TestReadOnlyMounts(t *testing.T) {
	const table = `20 1 254:0 / / rw,relatime - ext4 /dev/vda rw
21 20 0:30 / /home rw,relatime - tmpfs none ro,size=1024k
22 21 0:31 /x /home/a/.aws ro,relatime shared:1 - ext4 /dev/vdb rw
23 20 0:32 / /mnt/my\040disk ro - ext4 /dev/vdc ro
24 20 0:33 / /over ro - ext4 /dev/vdd ro
25 24 0:34 / /over rw - tmpfs none rw
`
	for path, want := range map[string]string{
		"/etc/x":              "",
		"/home/a/.docker":     "mount -o remount,rw /home",
		"/home":               "mount -o remount,rw /home",
		"/homes/a":            "",
		"/home/a/.aws/config": "mount -o remount,bind,rw /home/a/.aws",
		"/mnt/my disk/config": "mount -o remount,rw '/mnt/my disk'",
		"/over/mounted":       "",
	} {
		if _, command := readOnlyIn(table, path, true); command != want {
			t.Errorf("%s: %q, want %q", path, command, want)
		}
	}
	if _, command := readOnlyIn(table, "/home/a", false); command != "sudo mount -o remount,rw /home" {
		t.Errorf("a user gets %q", command)
	}
}

// On a real mount, the command in the error makes the next write succeed.
func TestRemountCommandFixesWrite(t *testing.T) {
	dir := filepath.Join(realDir(t), "my home")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_RDONLY, "size=64k"); err != nil {
		t.Skipf("mounts are not possible: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	path := filepath.Join(dir, "file")
	err := ExplainWrite(path, Write(path, []byte("x"), 0o600))
	next := hint.Next(err)
	if !errors.Is(err, syscall.EROFS) || len(next) != 1 || next[0] != "mount -o remount,rw '"+dir+"'" || !strings.Contains(err.Error(), dir+" is mounted read-only") {
		t.Fatalf("%v, run %q", err, next)
	}
	if err := syscall.Mount("none", dir, "", syscall.MS_REMOUNT, ""); err != nil { // the effect of the command
		t.Fatal(err)
	}
	if err := Write(path, []byte("x"), 0o600); err != nil {
		t.Error(err)
	}
}

func TestOtherWriteErrorsAreUnchanged(t *testing.T) {
	for _, err := range []error{nil, syscall.EIO, fmt.Errorf("x: %w", syscall.EACCES)} {
		if have := ExplainWrite("/proc/x", err); !errors.Is(have, err) || len(hint.Next(have)) > 0 {
			t.Errorf("%v became %v", err, have)
		}
	}
}

// The command in the error shows that the file system is full: of data, or of files.
func TestFullFileSystemIsShown(t *testing.T) {
	for name, tc := range map[string]struct{ options, command string }{
		"data":  {"size=16k", "df -h"},
		"files": {"nr_inodes=2", "df -i"}, // the root directory and the first file
	} {
		t.Run(name, func(t *testing.T) {
			dir := realDir(t)
			if err := syscall.Mount("none", dir, "tmpfs", 0, tc.options); err != nil {
				t.Skipf("mounts are not possible: %v", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
			_ = os.WriteFile(filepath.Join(dir, "old"), make([]byte, 64<<10), 0o600) // fails when the space is used
			path := filepath.Join(dir, "file")
			err := ExplainWrite(path, Write(path, []byte("x"), 0o600))
			next := hint.Next(err)
			if !errors.Is(err, syscall.ENOSPC) || len(next) != 1 || next[0] != tc.command+" "+dir || !strings.Contains(err.Error(), path) {
				t.Fatalf("%v, run %q", err, next)
			}
			if shown, err := exec.Command("sh", "-c", next[0]).Output(); err != nil || !strings.Contains(string(shown), "100%") {
				t.Errorf("got %s, error %v", shown, err)
			}
		})
	}
}
