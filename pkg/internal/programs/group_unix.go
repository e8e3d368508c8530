//go:build unix

package programs

import (
	"os/exec"
	"syscall"
)

// Group gives a program a process group of its own, so that its end by cmd's context
// is that of all it has started. Call it before the start; cmd has to be made by
// exec.CommandContext.
func Group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
