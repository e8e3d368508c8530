//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func TestModes(t *testing.T) {
	dir := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o277)) // the umask must not change the mode
	path := filepath.Join(dir, "f")
	if err := Write(path, []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o640 {
		t.Errorf("new file: %v", got)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o644 {
		t.Errorf("existing file: %v", got)
	}
	if err := WriteCache(path, []byte("z"), 0o600, nil); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o644 {
		t.Errorf("existing cache file: %v", got)
	}
	if err := WriteOwn(path, []byte("z")); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o600 {
		t.Errorf("file of ours: %v", got)
	}
	p, err := Reserve(filepath.Join(dir, "g"), 10, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Abort()
	if got := mode(t, p.temp); got&0o077 != 0 {
		t.Errorf("temporary file: %v", got)
	}
}

func TestOwnerIsKept(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, "x")
	if err := os.Chown(path, 0, 54321); err != nil { // root refuses to write other users' files
		t.Fatal(err)
	}
	if err := Write(path, []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 || st.Gid != 54321 {
		t.Errorf("owner is now %d:%d", st.Uid, st.Gid)
	}
}

func TestLinks(t *testing.T) {
	tests := []struct {
		name  string
		links [][2]string // name, target
		files []string
		end   string // "" = an error
	}{
		{"link stays and its file is replaced", [][2]string{{"f", "real/g"}}, []string{"real/g"}, "real/g"},
		{"chain of links", [][2]string{{"f", "f2"}, {"f2", "real/g"}}, []string{"real/g"}, "real/g"},
		{"link to a file that does not exist yet", [][2]string{{"f", "real/g"}}, nil, "real/g"},
		{"linked directory in the path", [][2]string{{"d", "real"}, {"f", "d/../real/g"}}, []string{"real/g"}, "real/g"},
		{"loop", [][2]string{{"f", "f2"}, {"f2", "f"}}, nil, ""},
		{"link into a missing directory", [][2]string{{"f", "none/g"}}, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
				t.Fatal(err)
			}
			for _, l := range tt.links {
				if err := os.Symlink(l[1], filepath.Join(dir, l[0])); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range tt.files {
				put(t, filepath.Join(dir, f), "old")
			}
			path := filepath.Join(dir, "f")
			err := Write(path, []byte("new"), 0o600)
			if mode(t, path)&fs.ModeSymlink == 0 {
				t.Error("the link is gone")
			}
			if tt.end == "" {
				if err == nil {
					t.Error("no error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := content(t, filepath.Join(dir, tt.end)); got != "new" {
				t.Errorf("got %q", got)
			}
			onlyNames(t, filepath.Join(dir, "real"), "g")
		})
	}
}

func TestWriteOwnReplacesLinkItself(t *testing.T) {
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "f"), filepath.Join(dir, "victim")
	put(t, victim, "untouched")
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	if err := WriteOwn(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got := content(t, victim); got != "untouched" {
		t.Errorf("the link was followed: %q", got)
	}
	if data, err := ReadOwn(path, 10); err != nil || string(data) != "new" {
		t.Errorf("ReadOwn: %q, %v", data, err)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if _, err := Reserve(filepath.Join(dir, "f"), 1, 0o600); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

// A file-size limit simulates a full disk. A process cannot remove the limit, so a child
// process sets it.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("SAFEFILE_TEST_FULL"); dir != "" {
		fullDiskChild(t, dir)
		return
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "f"), "old")
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "SAFEFILE_TEST_FULL="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS: TestFullDisk") {
		t.Fatalf("%v\n%s", err, out)
	}
	onlyNames(t, dir, "f")
	if got := content(t, filepath.Join(dir, "f")); got != "old" {
		t.Errorf("the old content is lost: %d bytes", len(got))
	}
}

func fullDiskChild(t *testing.T, dir string) {
	limit := syscall.Rlimit{Cur: 1000, Max: 1000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	path := filepath.Join(dir, "f")
	if err := Write(path, make([]byte, 5000), 0o600); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Write: %v", err)
	}
	if err := WriteOwn(path, make([]byte, 5000)); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("WriteOwn: %v", err)
	}
	if _, err := Reserve(path, 5000, 0o600); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Reserve: %v", err)
	}
	if p, err := Reserve(path, 500, 0o600); err != nil {
		t.Errorf("a small reservation: %v", err)
	} else if err := p.Commit(make([]byte, 5000)); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Commit of more than was reserved: %v", err)
	}
}

func TestNoDescriptorLeaks(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/dev/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	before := count()
	for range 20 {
		_ = Write(path, []byte("x"), 0o600)
		_ = WriteOwn(path, []byte("x"))
		_ = Write(dir, nil, 0o600)
		_ = WriteOwn(dir, nil)
		_, _ = Read(path, 0)
		_, _ = Read(dir, 10)
		_, _ = ReadOwn(path, 10)
		p, _ := Reserve(path, 10, 0o600)
		p.Abort()
		Sweep(dir, timeZero)
		h, err := Lock(t.Context(), filepath.Join(dir, "locks", "l"))
		if err != nil {
			t.Fatal(err)
		}
		h.Unlock()
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
