//go:build !unix && !windows

package programs

import "os/exec"

// Group does nothing here.
func Group(*exec.Cmd) {}
