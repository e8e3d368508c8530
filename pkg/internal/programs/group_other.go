//go:build !unix && !windows

package programs

import "os/exec"

// Group has no effect on this system.
func Group(*exec.Cmd) {}
