//go:build !unix

package programs

import "os/exec"

// Group does nothing: there are no process groups of this kind.
func Group(*exec.Cmd) {}
