//go:build unix && !linux

package main

import (
	"os"
	"runtime"
	"syscall"
)

func args() []string { return os.Args }

// maxRSS is in bytes on Darwin, in kilobytes on the BSDs.
func maxRSS(r *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(r.Maxrss)
	}
	return int64(r.Maxrss) * 1024
}
