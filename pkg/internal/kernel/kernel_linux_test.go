package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The table has the constants of golang.org/x/sys/unix, for each processor.
func TestTableMatchesUnix(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Skip("no go command or no module cache on this machine")
	}
	for _, row := range table {
		constants := constantsOf(t, filepath.Join(strings.TrimSpace(string(out)), "unix"), row.processor)
		user := "SYS_GETEUID32" // on old processors SYS_GETEUID has 16 bits
		if constants[user] == 0 {
			user = "SYS_GETEUID"
		}
		for name, number := range map[string]uintptr{
			"SYS_READ": row.read, "SYS_WRITE": row.write, "SYS_CLOSE": row.close, "SYS_OPENAT": row.openat, "SYS_STATX": row.statx,
			"SYS_FCNTL": row.fcntl, "SYS_PPOLL": row.ppoll, "SYS_PRCTL": row.prctl, user: row.geteuid,
			"SYS_GETTIMEOFDAY": row.gettimeofday, "SYS_EXIT_GROUP": row.exit, "O_NOFOLLOW": row.noFollow,
			"O_NONBLOCK": nonBlock, "O_CLOEXEC": closeOnExec, "AT_EMPTY_PATH": emptyPath, "STATX_BASIC_STATS": basicStats,
			"PR_SET_DUMPABLE": setDumpable, "F_GETFL": getFlags, "O_ACCMODE": accessMode, "POLLIN": In, "POLLOUT": Out,
			"ENOENT": uintptr(NotExist), "EINTR": uintptr(Interrupted), "EAGAIN": uintptr(Again), "EINVAL": uintptr(invalid),
		} {
			if want, ok := constants[name]; !ok || number != want {
				t.Errorf("%s: %s is %#x, not %#x", row.processor, name, want, number)
			}
		}
	}
}

// constantsOf returns the constants of package unix for Linux on a processor.
func constantsOf(t *testing.T, dir, processor string) map[string]uintptr {
	t.Helper()
	all := map[string]uintptr{}
	for _, file := range []string{"zerrors_linux.go", "ztypes_linux.go", "zerrors_linux_%s.go", "ztypes_linux_%s.go", "zsysnum_linux_%s.go"} {
		if strings.Contains(file, "%s") {
			file = fmt.Sprintf(file, processor)
		}
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) { // "NAME = 0x1", "NAME = syscall.Errno(0x1)"
			name, value, _ := strings.Cut(line, " = ")
			value = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(value), "syscall.Errno("), ")")
			if n, err := strconv.ParseUint(value, 0, 64); err == nil {
				all[strings.TrimSpace(name)] = uintptr(n)
			}
		}
	}
	return all
}

func TestKnown(t *testing.T) {
	if !Known() {
		t.Errorf("no row for %s", runtime.GOARCH)
	}
	if _, ok := find("mips"); ok {
		t.Error("mips has other error numbers and flags")
	}
}

func pathOf(name string) []byte { return append([]byte(name), 0) }

// Stat returns the same state of a file as package syscall.
func TestStatMatchesSyscall(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("12345"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, file, link, "/dev/null", "/proc/self/environ"} {
		var got FileStat
		var want syscall.Stat_t
		if err := syscall.Stat(path, &want); err != nil {
			t.Fatal(err)
		}
		if errno := Stat(pathOf(path), &got); errno != 0 {
			t.Fatalf("%s: error %d", path, errno)
		}
		same(t, path, got, want)
	}
	var none FileStat
	for path, want := range map[string]Errno{
		file + "x":       NotExist,
		file + "/x":      Errno(syscall.ENOTDIR),
		"":               NotExist,
		dir + "/\x00/no": 0, // the path ends at the first NUL
	} {
		if got := Stat(pathOf(path), &none); got != want {
			t.Errorf("%q: error %d, not %d", path, got, want)
		}
	}
	for _, path := range [][]byte{nil, []byte(file)} {
		if got := Stat(path, &none); got != invalid {
			t.Errorf("%q without NUL: error %d", path, got)
		}
		if _, got := Open(path); got != invalid {
			t.Errorf("%q without NUL: error %d", path, got)
		}
	}
}

func same(t *testing.T, path string, got FileStat, want syscall.Stat_t) {
	t.Helper()
	const minorBits = 0xff
	if uint32(got.Mode) != want.Mode || got.User != want.Uid || got.Inode != want.Ino || got.Size != want.Size || uint64(got.Links) != uint64(want.Nlink) || //nolint:unconvert // smaller on some processors
		got.Modified.Nano() != want.Mtim.Nano() || got.Changed.Nano() != want.Ctim.Nano() || uint64(got.DeviceMinor)&minorBits != uint64(want.Dev)&minorBits { //nolint:unconvert // smaller on some processors
		t.Errorf("%s: %+v, but package syscall returns %+v", path, got, want)
	}
}

func TestOpenReadClose(t *testing.T) {
	dir := t.TempDir()
	file, link, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errno := Open(pathOf(link)); errno != Errno(syscall.ELOOP) {
		t.Errorf("a link: error %d", errno)
	}
	fd, errno := Open(pathOf(fifo))
	if errno != 0 {
		t.Fatalf("a FIFO without a writer: error %d", errno)
	}
	Close(fd)
	if fd, errno = Open(pathOf(file)); errno != 0 {
		t.Fatalf("error %d", errno)
	}
	if flags, _, _ := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); flags != syscall.FD_CLOEXEC {
		t.Errorf("flags %d", flags)
	}
	var st FileStat
	if errno := StatOpen(fd, &st); errno != 0 || st.Size != 5 || st.Mode&TypeMask != Regular {
		t.Errorf("error %d, %+v", errno, st)
	}
	buf := make([]byte, 8)
	if n, errno := Read(fd, buf); errno != 0 || string(buf[:n]) != "12345" {
		t.Errorf("error %d, %q", errno, buf[:n])
	}
	if n, errno := Read(fd, buf); errno != 0 || n != 0 {
		t.Errorf("error %d, %d bytes at the end", errno, n)
	}
	if both, errno := ReadWrite(fd); errno != 0 || both {
		t.Errorf("error %d, %v", errno, both)
	}
	Close(fd)
	if _, errno := Read(fd, buf); errno != Errno(syscall.EBADF) {
		t.Errorf("after Close: error %d", errno)
	}
}

func TestWait(t *testing.T) {
	fds := make([]int, 2)
	if err := syscall.Pipe2(fds, syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	left := Timeout{Nanos: 20_000_000}
	start := time.Now()
	if Wait(fds[0], In, &left) {
		t.Error("input in an empty pipe")
	}
	if waited := time.Since(start); waited < 20*time.Millisecond || left != (Timeout{}) {
		t.Errorf("waited %v, left %+v", waited, left)
	}
	if !Wait(fds[1], Out, nil) {
		t.Error("no room in an empty pipe")
	}
	if n, errno := Write(fds[1], []byte("abc")); n != 3 || errno != 0 {
		t.Errorf("%d bytes, error %d", n, errno)
	}
	left = Timeout{Seconds: 5}
	if !Wait(fds[0], In, &left) || left.Seconds > 5 {
		t.Errorf("left %+v", left)
	}
	if n, errno := Write(fds[1], make([]byte, 1<<20)); errno != 0 || n >= 1<<20 {
		t.Errorf("%d bytes, error %d", n, errno)
	}
	if _, errno := Write(fds[1], []byte("x")); errno != Again {
		t.Errorf("a full pipe: error %d", errno)
	}
	Close(fds[0])
	if _, errno := Write(fds[1], []byte("x")); errno != Errno(syscall.EPIPE) {
		t.Errorf("a pipe without a reader: error %d", errno)
	}
	Close(fds[1])
}

func TestProcess(t *testing.T) {
	if got := EffectiveUser(); int(got) != os.Geteuid() {
		t.Errorf("user %d", got)
	}
	before := time.Now().Unix()
	now, errno := Now()
	if after := time.Now().Unix(); errno != 0 || now < before || now > after {
		t.Errorf("%d, error %d, not between %d and %d", now, errno, before, after)
	}
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if both, errno := ReadWrite(int(f.Fd())); errno != 0 || !both {
		t.Errorf("error %d, %v", errno, both)
	}
}
