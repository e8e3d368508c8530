//go:build unix

package login

import (
	"os/exec"
	"syscall"
)

// detach gives the program a session of its own: Ctrl-C at our terminal must
// not close the person's browser.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
