//go:build unix

package programs

import (
	"os/exec"
	"syscall"
)

// Group puts a program into a new process group, so that the end of cmd's context also ends
// all programs that it has started. Call it before the start; cmd has to be made by
// exec.CommandContext.
func Group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
