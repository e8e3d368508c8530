//go:build !unix

package keychain

import "os/exec"

// group does nothing: wincred starts no programs of its own.
func group(*exec.Cmd) {}
