//go:build unix

package programs

import (
	"os/exec"
	"syscall"
)

// Group puts a program into a new process group. When cmd's context ends, all programs
// that cmd has started also end. Call Group before the start. cmd must be created by
// exec.CommandContext.
func Group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// Detach starts a program in a new session, so that Ctrl-C in the terminal of this process
// does not end it.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// SystemDirectory exists only on Windows.
func SystemDirectory() string { return "" }
