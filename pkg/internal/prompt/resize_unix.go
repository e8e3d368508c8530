//go:build unix

package prompt

import (
	"os"
	"os/signal"
	"syscall"
)

// resizes tells when the terminal's size changes, until ignore is called.
func resizes() (resized <-chan os.Signal, ignore func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c, func() { signal.Stop(c) }
}
