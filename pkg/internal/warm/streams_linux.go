package warm

import "syscall"

// patience is how long the question may keep warm waiting. A client writes it
// while the program starts; one that takes longer is waited for by the normal path.
const patience = 100_000 // microseconds

// readQuestion reads stdin to its end, into taken. It is false if the end does not
// come soon, or the question is longer than one line of ours.
func readQuestion() bool {
	var start syscall.Timeval
	if syscall.Gettimeofday(&start) != nil {
		return false
	}
	for length < len(taken) {
		if !ready(start) {
			return false
		}
		n, err := syscall.Read(0, taken[length:])
		switch {
		case err != nil:
			return false // the normal path meets it too, and says so
		case n == 0:
			ended = true
			return true
		}
		length += n
	}
	return false
}

// ready waits until stdin can be read.
func ready(start syscall.Timeval) bool {
	var now syscall.Timeval
	if syscall.Gettimeofday(&now) != nil {
		return false
	}
	waited := (int64(now.Sec)-int64(start.Sec))*1e6 + int64(now.Usec) - int64(start.Usec) //nolint:unconvert // shorter on some machines
	if waited < 0 || waited > patience {
		return false
	}
	left := syscall.NsecToTimeval((patience - waited) * 1000)
	var in syscall.FdSet
	in.Bits[0] = 1 << 0
	n, err := syscall.Select(1, &in, nil, nil, &left)
	return err == nil && n == 1
}

// line is the question without its line end, as the normal path takes it.
func line() string {
	n := length
	if n > 0 && taken[n-1] == '\n' {
		n--
	}
	if n > 0 && taken[n-1] == '\r' {
		n--
	}
	return string(taken[:n])
}

// say writes the answer, all of it. It is false if nothing could be written: the
// normal path finds out why. Half an answer is a failure like there.
func say(data []byte) bool {
	if !open() {
		return false
	}
	for n := 0; n < len(data); {
		m, err := syscall.Write(1, data[n:])
		switch {
		case m > 0:
			n += m
		case err == syscall.EINTR:
		case n == 0:
			return false
		case err == syscall.EAGAIN:
			var out syscall.FdSet
			out.Bits[0] = 1 << 1
			_, _ = syscall.Select(2, nil, &out, nil, nil)
		default:
			why := []byte("stdout: " + reason(err) + "\n")
			_, _ = syscall.Write(1, why)
			_, _ = syscall.Write(2, why)
			syscall.Exit(1)
		}
	}
	return true
}

func reason(err error) string {
	if err == nil {
		return "short write"
	}
	return err.Error()
}

// open reports whether stdout is surely not the null device that Go puts in the
// place of a closed one: that is opened for reading too.
func open() bool {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, 1, syscall.F_GETFL, 0)
	if errno != 0 {
		return false
	}
	if flags&syscall.O_ACCMODE != syscall.O_RDWR {
		return true
	}
	var st syscall.Stat_t
	return syscall.Fstat(1, &st) == nil && st.Mode&syscall.S_IFMT != syscall.S_IFCHR
}
