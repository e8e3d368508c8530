package login

import (
	"os/exec"

	"golang.org/x/sys/windows"
)

// detach does nothing: a console's Ctrl-C does not affect GUI programs.
func detach(*exec.Cmd) {}

// systemDirectory returns the directory of Windows's own programs. Environment variables
// cannot change it.
func systemDirectory() string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return ""
	}
	return dir
}
