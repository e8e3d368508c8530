//go:build unix

package login

import (
	"os/exec"
	"syscall"
)

// detach gives the program a session of its own, so that Ctrl-C at our terminal does
// not close the user's browser.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// systemDirectory exists only on Windows.
func systemDirectory() string { return "" }
