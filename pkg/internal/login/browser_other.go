//go:build !unix && !windows

package login

import "os/exec"

func detach(*exec.Cmd) {}

func systemDirectory() string { return "" }
