//go:build unix

// Command launch runs a program and reports its measurements on descriptor 3. It reports
// the pid immediately. When the program ends, it reports the wait status, the wall and
// CPU time in nanoseconds, the maximum resident size in bytes, and the minor page faults.
// If -gate is the first argument, it reports on descriptor 5 when it is ready, and starts
// the program when descriptor 4 closes. It imports only syscall, because it must be
// smaller than every program that it measures (see lab.Bench).
package main

import "syscall"

func main() {
	argv := args()
	if len(argv) < 2 {
		syscall.Exit(125)
	}
	argv = argv[1:]
	syscall.CloseOnExec(3) // a remaining grandchild must not keep the report open
	if argv[0] == "-gate" {
		argv = argv[1:]
		gate()
	}
	path := lookPath(argv[0])
	start := now()
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{Env: syscall.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		say(2, argv[0]+": "+err.Error()+"\n")
		syscall.Exit(126)
	}
	// Otherwise, this process's copies would keep a pipe open after the child has closed
	// it.
	syscall.Close(0)
	syscall.Close(1)
	syscall.Close(2)
	say(3, number(int64(pid))+"\n")
	var status syscall.WaitStatus
	var used syscall.Rusage
	for {
		if _, err = syscall.Wait4(pid, &status, 0, &used); err != syscall.EINTR {
			break
		}
	}
	wall := now() - start
	cpu := used.Utime.Nano() + used.Stime.Nano()
	say(3, number(int64(status))+" "+number(wall)+" "+number(cpu)+" "+number(maxRSS(&used))+" "+number(int64(used.Minflt))+"\n") //nolint:unconvert // the field is a smaller integer on some machines
}

// gate reports that this process is ready, and waits until the gate opens.
func gate() {
	say(5, ".")
	syscall.Close(5)
	var buf [1]byte
	for {
		if n, err := syscall.Read(4, buf[:]); n == 0 || err != syscall.EINTR {
			break
		}
	}
	syscall.Close(4)
}

func now() int64 {
	var tv syscall.Timeval
	_ = syscall.Gettimeofday(&tv)
	return tv.Nano()
}

func say(fd int, text string) { _, _ = syscall.Write(fd, []byte(text)) }

func number(n int64) string {
	if n < 0 {
		return "-" + number(-n)
	}
	if n < 10 {
		return string(rune('0' + n))
	}
	return number(n/10) + string(rune('0'+n%10))
}

// lookPath finds a name without a slash on PATH.
func lookPath(name string) string {
	for i := range len(name) {
		if name[i] == '/' {
			return name
		}
	}
	path, _ := syscall.Getenv("PATH")
	for start, i := 0, 0; i <= len(path); i++ {
		if i < len(path) && path[i] != ':' {
			continue
		}
		candidate := path[start:i] + "/" + name
		var st syscall.Stat_t
		if i > start && syscall.Stat(candidate, &st) == nil && st.Mode&0o111 != 0 {
			return candidate
		}
		start = i + 1
	}
	return name
}
