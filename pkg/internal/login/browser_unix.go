//go:build unix

package login

import (
	"os/exec"
	"syscall"
)

// detach starts the program in a new session, so that Ctrl-C in our terminal does not close
// the user's browser.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// systemDirectory exists only on Windows.
func systemDirectory() string { return "" }
