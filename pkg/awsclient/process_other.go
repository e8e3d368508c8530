//go:build !unix

package awsclient

import "os/exec"

// endAsGroup does nothing: there are no process groups of this kind.
func endAsGroup(*exec.Cmd) {}
