package kernel

import (
	"runtime"
	"unsafe"
)

// system6 is syscall.RawSyscall6. Package syscall provides it to golang.org/x/sys/unix by
// name, so this package can link to it without importing syscall.
//
//go:linkname system6 syscall.RawSyscall6
func system6(number, a, b, c, d, e, f uintptr) (r1, r2, errno uintptr)

// numbers contains the numbers of the system calls, and the open flag, that differ between
// processors.
type numbers struct {
	processor                                                                                     string
	read, write, close, openat, statx, fcntl, ppoll, prctl, geteuid, gettimeofday, exit, noFollow uintptr
}

// table is from golang.org/x/sys/unix; TestTableMatchesUnix compares the two.
var table = []numbers{
	{"386", 3, 4, 6, 295, 383, 55, 309, 172, 201, 78, 252, 0x20000},
	{"amd64", 0, 1, 3, 257, 332, 72, 271, 157, 107, 96, 231, 0x20000},
	{"arm", 3, 4, 6, 322, 397, 55, 336, 172, 201, 78, 248, 0x8000},
	{"arm64", 63, 64, 57, 56, 291, 25, 73, 167, 175, 169, 94, 0x8000},
	{"loong64", 63, 64, 57, 56, 291, 25, 73, 167, 175, 169, 94, 0x20000},
	{"ppc64le", 3, 4, 6, 286, 383, 55, 281, 171, 49, 78, 234, 0x8000},
	{"riscv64", 63, 64, 57, 56, 291, 25, 73, 167, 175, 169, 94, 0x20000},
	{"s390x", 3, 4, 6, 288, 379, 55, 302, 172, 201, 78, 248, 0x20000},
}

// These are the same on all processors in the table.
const (
	workDir     = ^uintptr(99) // AT_FDCWD, which is -100
	nonBlock    = 0x800        // O_NONBLOCK
	closeOnExec = 0x80000      // O_CLOEXEC
	accessMode  = 3            // O_ACCMODE
	readWrite   = 2            // O_RDWR
	getFlags    = 3            // F_GETFL
	emptyPath   = 0x1000       // AT_EMPTY_PATH
	basicStats  = 0x7ff        // STATX_BASIC_STATS
	setDumpable = 4            // PR_SET_DUMPABLE
)

var call, known = find(runtime.GOARCH)

func find(processor string) (numbers, bool) {
	for i := range table {
		if table[i].processor == processor {
			return table[i], true
		}
	}
	return numbers{}, false
}

// Known reports whether the functions work on this processor.
func Known() bool { return known }

// Errno is the number of an error, 0 for none.
type Errno uintptr

const (
	NotExist    Errno = 2
	Interrupted Errno = 4
	Again       Errno = 11
	invalid     Errno = 22
)

// Open opens a file for reading. path ends in NUL, for Stat too. Open does not follow a
// link at the end of the path, and does not wait for a FIFO's writer.
func Open(path []byte) (fd int, err Errno) {
	if !terminated(path) {
		return 0, invalid
	}
	r, _, e := system6(call.openat, workDir, uintptr(unsafe.Pointer(&path[0])), nonBlock|closeOnExec|call.noFollow, 0, 0, 0)
	return int(r), Errno(e)
}

func terminated(path []byte) bool { return len(path) > 0 && path[len(path)-1] == 0 }

// Read reads into buf, which must not be empty. n is 0 at the end of the file.
func Read(fd int, buf []byte) (n int, err Errno) {
	r, _, e := system6(call.read, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
	return int(r), Errno(e)
}

// Write writes data, which must not be empty. It may write only the beginning.
func Write(fd int, data []byte) (n int, err Errno) {
	r, _, e := system6(call.write, uintptr(fd), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), 0, 0, 0)
	return int(r), Errno(e)
}

func Close(fd int) { _, _, _ = system6(call.close, uintptr(fd), 0, 0, 0, 0, 0) }

// FileStat is the kernel's struct statx, the same on all processors.
type FileStat struct {
	_, _                           uint32
	_                              uint64
	Links, User, _                 uint32
	Mode, _                        uint16
	Inode                          uint64
	Size                           int64
	_, _                           uint64
	_, _, Changed, Modified        Time
	_, _, DeviceMajor, DeviceMinor uint32
	_                              [14]uint64
}

// Time is a time of a file since 1970.
type Time struct {
	seconds int64
	nanos   uint32
	_       int32
}

func (t Time) Nano() int64 { return t.seconds*1e9 + int64(t.nanos) }

// The types of files in FileStat.Mode.
const (
	TypeMask   = 0xf000
	Directory  = 0x4000
	Regular    = 0x8000
	CharDevice = 0x2000
)

// Stat returns the state of the file at path, after following links.
func Stat(path []byte, st *FileStat) Errno {
	if !terminated(path) {
		return invalid
	}
	_, _, e := system6(call.statx, workDir, uintptr(unsafe.Pointer(&path[0])), 0, basicStats, uintptr(unsafe.Pointer(st)), 0)
	return Errno(e)
}

var empty [1]byte

// StatOpen returns the state of an open file.
func StatOpen(fd int, st *FileStat) Errno {
	_, _, e := system6(call.statx, uintptr(fd), uintptr(unsafe.Pointer(&empty)), emptyPath, basicStats, uintptr(unsafe.Pointer(st)), 0)
	return Errno(e)
}

// ReadWrite reports whether an open file is open for reading and writing.
func ReadWrite(fd int) (yes bool, err Errno) {
	flags, _, e := system6(call.fcntl, uintptr(fd), getFlags, 0, 0, 0, 0)
	return flags&accessMode == readWrite, Errno(e)
}

// Events for Wait.
const (
	In  = 1
	Out = 4
)

// Timeout is the kernel's struct timespec.
type Timeout struct{ Seconds, Nanos int }

// Wait waits until one of the events occurs on fd. If left is not nil, it limits the wait,
// and Wait subtracts the time that has passed.
func Wait(fd int, events int16, left *Timeout) bool {
	for {
		poll := struct {
			fd             int32
			events, result int16
		}{int32(fd), events, 0}
		n, _, e := system6(call.ppoll, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(left)), 0, 0, 0)
		if Errno(e) != Interrupted { // by Go's own signals
			return e == 0 && n == 1
		}
	}
}

// Now returns the time in seconds since 1970.
func Now() (seconds int64, err Errno) {
	var now struct{ seconds, micros int }
	_, _, e := system6(call.gettimeofday, uintptr(unsafe.Pointer(&now)), 0, 0, 0, 0, 0)
	return int64(now.seconds), Errno(e)
}

// EffectiveUser returns the process's effective user ID.
func EffectiveUser() uint32 {
	id, _, _ := system6(call.geteuid, 0, 0, 0, 0, 0, 0)
	return uint32(id)
}

// Harden prevents core dumps of this process, and stops the user's other processes from
// reading its memory.
func Harden() {
	_, _, _ = system6(call.prctl, setDumpable, 0, 0, 0, 0, 0)
}

// Exit ends the process.
func Exit(status int) { _, _, _ = system6(call.exit, uintptr(status), 0, 0, 0, 0, 0) }
