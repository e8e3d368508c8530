//go:build unix

package awsclient

import (
	"os"
	"os/exec"
	"syscall"
)

// endAsGroup lets what a credential_process has started end with it. Where there is
// a terminal the program stays in our group: another one could not ask there for a
// code.
func endAsGroup(cmd *exec.Cmd) {
	if tty, err := os.OpenFile("/dev/tty", os.O_RDONLY, 0); err == nil {
		_ = tty.Close()
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
