//go:build unix

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// RunDirect runs a program from this process without the launcher. It uses only vfork,
// execve and wait4, without a pipe that would wake this process during the run. It is for
// wall times of about a millisecond, which the launcher's start would distort. The call
// needs StdinFrom and StdoutTo; stderr goes to the null device. MaxRSS is not set,
// because it would include the memory of this process. Only Run supports Terminal, Under,
// Limit, Gate and During.
func (*Bench) RunDirect(c Call) (Result, error) {
	if c.StdinFrom == nil || c.StdoutTo == nil {
		return Result{}, fmt.Errorf("%s: stdin and stdout have to be files", c.Program)
	}
	path := c.Program
	if !filepath.IsAbs(path) {
		var err error
		if path, err = exec.LookPath(path); err != nil {
			return Result{}, err
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return Result{}, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Dir: c.Dir, Env: c.Env, Files: []uintptr{c.StdinFrom.Fd(), c.StdoutTo.Fd(), null.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true},
	}
	var status syscall.WaitStatus
	var used syscall.Rusage
	argv := append([]string{path}, c.Args...)
	start := time.Now()
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", path, err)
	}
	for {
		if _, err = syscall.Wait4(pid, &status, 0, &used); err != syscall.EINTR { //nolint:errorlint // Wait4 returns a plain Errno
			break
		}
	}
	r := Result{Wall: time.Since(start), CPU: time.Duration(used.Utime.Nano() + used.Stime.Nano()), MinorFaults: int64(used.Minflt)} //nolint:unconvert // int32 on some systems
	r.Code = status.ExitStatus()
	if status.Signaled() {
		r.Signal = status.Signal()
	}
	return r, err
}
