package login

import (
	"os/exec"

	"golang.org/x/sys/windows"
)

// detach does nothing: a console's Ctrl-C does not reach a windowed program.
func detach(*exec.Cmd) {}

// systemDirectory returns the directory of Windows's own programs, which no environment
// variable can change.
func systemDirectory() string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return ""
	}
	return dir
}
