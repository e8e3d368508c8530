//go:build linux && amd64

package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tracer is the state of one traced program. The threads of a process share its
// descriptors, so there is only one descriptor table.
type tracer struct {
	below string
	at    int        // the number of the call with the fault, or
	every string     // the name of the calls with the fault,
	named string     // on files whose name has this prefix
	errno unix.Errno // the fault: an error, or
	kill  string     // "before", "after", or
	hang  bool       // the thread stays in the call

	pid   int
	seen  int
	files map[int]string // descriptor -> path
	calls map[int]*call  // thread -> its current call
	log   bytes.Buffer
}

// call is a system call in progress.
type call struct {
	name, path string
	hit        bool
	opens      bool // its result is a descriptor of path
}

// shape describes the arguments of a call that contain its path: a directory and a name,
// or a descriptor.
type shape struct {
	name    string
	dir, at int // argument indexes of the directory and name; dir -1: the working directory
	fd      bool
}

var shapes = map[uint64]shape{
	unix.SYS_OPENAT: {name: "openat", dir: 0, at: 1}, unix.SYS_OPEN: {name: "open", dir: -1, at: 0},
	unix.SYS_MKDIRAT: {name: "mkdirat", dir: 0, at: 1}, unix.SYS_MKDIR: {name: "mkdir", dir: -1, at: 0},
	unix.SYS_UNLINKAT: {name: "unlinkat", dir: 0, at: 1}, unix.SYS_UNLINK: {name: "unlink", dir: -1, at: 0}, unix.SYS_RMDIR: {name: "rmdir", dir: -1, at: 0},
	// If a call has two names, use the new name.
	unix.SYS_RENAMEAT: {name: "renameat", dir: 2, at: 3}, unix.SYS_RENAMEAT2: {name: "renameat2", dir: 2, at: 3}, unix.SYS_RENAME: {name: "rename", dir: -1, at: 1},
	unix.SYS_LINKAT: {name: "linkat", dir: 2, at: 3}, unix.SYS_LINK: {name: "link", dir: -1, at: 1},
	unix.SYS_SYMLINKAT: {name: "symlinkat", dir: 1, at: 2}, unix.SYS_SYMLINK: {name: "symlink", dir: -1, at: 1},
	unix.SYS_FCHMODAT: {name: "fchmodat", dir: 0, at: 1}, unix.SYS_CHMOD: {name: "chmod", dir: -1, at: 0}, unix.SYS_UTIMENSAT: {name: "utimensat", dir: 0, at: 1},
	unix.SYS_TRUNCATE: {name: "truncate", dir: -1, at: 0},
	unix.SYS_WRITE:    {name: "write", fd: true}, unix.SYS_PWRITE64: {name: "pwrite64", fd: true}, unix.SYS_WRITEV: {name: "writev", fd: true},
	unix.SYS_FSYNC: {name: "fsync", fd: true}, unix.SYS_FDATASYNC: {name: "fdatasync", fd: true}, unix.SYS_FTRUNCATE: {name: "ftruncate", fd: true},
	unix.SYS_FCHMOD: {name: "fchmod", fd: true}, unix.SYS_FCHOWN: {name: "fchown", fd: true}, unix.SYS_FALLOCATE: {name: "fallocate", fd: true},
	unix.SYS_FLOCK: {name: "flock", fd: true},
}

// stopInfo is struct ptrace_syscall_info. At a call's entry, it contains the number and
// arguments. At the exit, it contains the result.
type stopInfo struct {
	op    uint8
	_     [3]uint8
	_     uint32 // architecture
	_, _  uint64 // instruction and stack pointers
	union [8]uint64
}

const (
	opEntry = 1
	opExit  = 2
)

// stop handles a thread at the entry or exit of a call. If hang is true, the thread must
// stay there.
func (t *tracer) stop(tid int) (hang bool) {
	var info stopInfo
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0); errno != 0 {
		return false
	}
	switch info.op {
	case opEntry:
		t.enter(tid, info.union[0], info.union[1:7])
		return t.hang && t.calls[tid] != nil && t.calls[tid].hit
	case opExit:
		t.leave(tid, int64(info.union[0]))
	}
	return false
}

func (t *tracer) enter(tid int, number uint64, args []uint64) {
	delete(t.calls, tid)
	if number == unix.SYS_CLOSE {
		delete(t.files, int(int32(args[0])))
		return
	}
	s, ok := shapes[number]
	if !ok {
		if copies(number, args) {
			t.calls[tid] = &call{path: t.files[int(int32(args[0]))], opens: true}
		}
		return
	}
	c := &call{name: s.name, opens: s.name == "openat" || s.name == "open"}
	if s.fd {
		c.path = t.files[int(int32(args[0]))]
	} else {
		c.path = t.path(tid, s, args)
	}
	t.calls[tid] = c
	if c.path != t.below && !strings.HasPrefix(c.path, t.below+"/") {
		return
	}
	kind := "change"
	switch {
	case number == unix.SYS_FLOCK && args[1]&unix.LOCK_UN != 0:
		return // the helper ignores unlock errors
	case number == unix.SYS_OPENAT && args[2]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC) == 0,
		number == unix.SYS_OPEN && args[1]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC) == 0:
		kind = "read"
	}
	t.count(tid, c, kind)
}

// copies reports whether a call duplicates the descriptor in its first argument.
func copies(number uint64, args []uint64) bool {
	switch number {
	case unix.SYS_DUP, unix.SYS_DUP2, unix.SYS_DUP3:
		return true
	case unix.SYS_FCNTL:
		return args[1] == unix.F_DUPFD || args[1] == unix.F_DUPFD_CLOEXEC
	}
	return false
}

// count assigns a number to the call and injects the fault if the call matches.
func (t *tracer) count(tid int, c *call, kind string) {
	t.seen++
	c.hit = t.seen == t.at || c.name == t.every && strings.HasPrefix(filepath.Base(c.path), t.named)
	fault := "-"
	if c.hit {
		fault = t.faultName()
	}
	fmt.Fprintf(&t.log, "%d %s %s %s %s\n", t.seen, fault, kind, c.name, t.relative(c.path))
	if c.hit && t.kill != "after" && !t.hang {
		t.skip(tid)
	}
	if c.hit && t.kill == "before" {
		_ = unix.Kill(t.pid, unix.SIGKILL)
	}
}

func (t *tracer) leave(tid int, result int64) {
	c := t.calls[tid]
	if c == nil {
		return
	}
	delete(t.calls, tid)
	if c.hit && t.errno != 0 {
		t.setError(tid, t.errno)
		return
	}
	if c.opens && result >= 0 {
		t.files[int(result)] = c.path
	}
	if c.hit && t.kill == "after" {
		_ = unix.Kill(t.pid, unix.SIGKILL)
	}
}

// path reads the name in a call's arguments and makes it absolute.
func (t *tracer) path(tid int, s shape, args []uint64) string {
	name := text(tid, uintptr(args[s.at]))
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	if s.dir >= 0 && int32(args[s.dir]) != unix.AT_FDCWD {
		return filepath.Join(t.files[int(int32(args[s.dir]))], name)
	}
	cwd, _ := filepath.Abs(".") // the program starts here and does not change its directory
	return filepath.Join(cwd, name)
}

// text reads a string from the program's memory.
func text(tid int, addr uintptr) string {
	var all []byte
	for len(all) < unix.PathMax {
		word := make([]byte, 8)
		n, err := unix.PtracePeekData(tid, addr, word)
		if err != nil {
			break
		}
		if end := bytes.IndexByte(word[:n], 0); end >= 0 {
			return string(append(all, word[:end]...))
		}
		all, addr = append(all, word[:n]...), addr+uintptr(n)
	}
	return string(all)
}

var random = regexp.MustCompile(`[0-9a-f]{16}$`)

// relative returns the path for the log. It replaces the random part of a temporary name,
// which differs between runs.
func (t *tracer) relative(path string) string {
	rel, err := filepath.Rel(t.below, path)
	if err != nil {
		return path
	}
	if dir, base := filepath.Split(rel); strings.HasPrefix(base, ".tmp-") {
		return dir + random.ReplaceAllString(base, "*")
	}
	return rel
}
