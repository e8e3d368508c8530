package warm

import "syscall"

// The rules of CheckDir and ReadOwn of package safefile, which cannot be imported
// here; a test holds both ways to the same verdicts.

// ownDir reports whether path is a directory of ours that nobody else can write to.
func ownDir(path string) bool {
	var st syscall.Stat_t
	return syscall.Stat(path, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR &&
		int(st.Uid) == syscall.Geteuid() && st.Mode&0o022 == 0
}

// readOwn returns the content of a file that is ours alone, if it is shorter than
// buf.
func readOwn(path string, buf []byte) ([]byte, bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	var data []byte
	ok := ownFile(fd)
	if ok {
		data, ok = readAll(fd, buf)
	}
	_ = syscall.Close(fd)
	return data, ok
}

func ownFile(fd int) bool {
	var st syscall.Stat_t
	return syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFREG &&
		int(st.Uid) == syscall.Geteuid() && st.Mode&0o077 == 0 && st.Nlink <= 1
}

// readAll reads to the end of the file, which must come before buf is full.
func readAll(fd int, buf []byte) ([]byte, bool) {
	for n := 0; n < len(buf); {
		m, err := syscall.Read(fd, buf[n:])
		switch {
		case err != nil:
			return nil, false
		case m == 0:
			return buf[:n], true
		}
		n += m
	}
	return nil, false
}
