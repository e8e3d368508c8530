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
