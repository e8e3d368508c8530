//go:build linux && amd64

// Command trap runs a program under ptrace. It counts the system calls of all threads
// that open or change a path below a directory. It injects a fault at the call with a
// given number. The fault is an error instead of the call, SIGKILL just before or after
// the call, or a hang until the program ends. With -every, all calls with a given name
// get the fault, for example to simulate a file system without locks. It does not need
// root and does not follow child processes.
//
// It does not judge the program: crashsweep selects the calls and checks the files after
// the run. strace is not used, because it counts per thread (docs/decisions/0010), but a
// Go program's calls move between threads.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	below := flag.String("below", "", "count calls below this `directory`")
	at := flag.Int("at", 0, "the `number` of the call that gets the fault; 0: none")
	every := flag.String("every", "", "every call of this `name` gets the fault: flock, write")
	named := flag.String("named", "", "with -every: only calls on files whose name begins with this `prefix`")
	fault := flag.String("fault", "", "EIO, ENOSPC, ..., kill-before, kill-after or hang")
	record := flag.String("record", "", "write the calls to this `file`, a line each: number, fault or -, kind, name, path")
	flag.Parse()
	if flag.NArg() == 0 || *below == "" {
		flag.Usage()
		os.Exit(125)
	}
	t := &tracer{below: *below, at: *at, every: *every, named: *named, files: map[int]string{}, calls: map[int]*call{}}
	if err := t.setFault(*fault); err != nil {
		fail(err)
	}
	status, err := t.run(flag.Args())
	if err == nil && *record != "" {
		err = os.WriteFile(*record, t.log.Bytes(), 0o600)
	}
	if err != nil {
		fail(err)
	}
	if status.Signaled() {
		// End with the same signal, as the program would without the tracer.
		_ = unix.Kill(os.Getpid(), status.Signal())
		select {}
	}
	os.Exit(status.ExitStatus())
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "trap:", err)
	os.Exit(125)
}

// run starts the program and traces it until it ends. On Linux, the same thread must make
// all ptrace requests (ptrace(2)).
func (t *tracer) run(argv []string) (unix.WaitStatus, error) {
	runtime.LockOSThread()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, err
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, SysProcAttr: &unix.SysProcAttr{Ptrace: true}}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	t.pid = cmd.Process.Pid
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &status, unix.WALL, nil); err != nil {
		return 0, err
	}
	// Trace threads but not child processes. The program ends with the tracer.
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return 0, err
	}
	if err := unix.PtraceSyscall(t.pid, 0); err != nil {
		return 0, err
	}
	return t.follow()
}

// follow handles each stop in turn until the program has ended.
func (t *tracer) follow() (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case status.Exited() || status.Signaled():
			if tid == t.pid {
				return status, nil
			}
			continue
		}
		pass, hang := 0, false
		switch sig := status.StopSignal(); sig {
		case unix.SIGTRAP | 0x80:
			hang = t.stop(tid)
		case unix.SIGTRAP, unix.SIGSTOP: // a new thread: one stop in its parent and one in the thread
		default:
			pass = int(sig)
		}
		if hang {
			continue // the thread ends with the program
		}
		// If the thread has since been killed, the next wait reports it.
		_ = unix.PtraceSyscall(tid, pass)
	}
}
