package warm

import "syscall"

// The rules of CheckDir and ReadOwn of package safefile, which cannot be imported
// here; a test holds both ways to the same verdicts.

// user is who we act as; asked for once.
var user = uint32(syscall.Geteuid())

// ownDir reports whether path is a directory of ours that nobody else can write to.
func ownDir(path string) bool {
	var st syscall.Stat_t
	return syscall.Stat(path, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR &&
		st.Uid == user && st.Mode&0o022 == 0
}

// readOwn returns the content of a file that is ours alone, if it is shorter than
// buf.
func readOwn(path string, buf []byte) ([]byte, bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	var data []byte
	size, ok := ownFile(fd)
	if ok {
		data, ok = readAll(fd, buf, size)
	}
	_ = syscall.Close(fd)
	return data, ok
}

func ownFile(fd int) (size int64, ok bool) {
	var st syscall.Stat_t
	ok = syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFREG &&
		st.Uid == user && st.Mode&0o077 == 0 && st.Nlink <= 1
	return st.Size, ok
}

// unknownSize is that of a file that is made while it is read, as those of /proc.
const unknownSize = -1

// readAll reads to the end of the file, which must come before buf is full: to its
// size, if that is known, or until nothing more comes.
func readAll(fd int, buf []byte, size int64) ([]byte, bool) {
	for n := 0; n < len(buf); {
		m, err := syscall.Read(fd, buf[n:])
		if err != nil {
			return nil, false
		}
		if n += m; m == 0 || int64(n) == size {
			return buf[:n], n < len(buf)
		}
	}
	return nil, false
}
