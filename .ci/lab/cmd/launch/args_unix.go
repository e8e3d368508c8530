//go:build unix && !linux

package main

import (
	"os"
	"runtime"
	"syscall"
)

func args() []string { return os.Args }

// maxRSS converts to bytes. The value is in bytes on Darwin and in kilobytes on the BSDs.
func maxRSS(r *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(r.Maxrss)
	}
	return int64(r.Maxrss) * 1024
}
