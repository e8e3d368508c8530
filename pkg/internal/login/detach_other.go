//go:build !unix

package login

import "os/exec"

// detach does nothing: a console's Ctrl-C does not reach a windowed program.
func detach(*exec.Cmd) {}
