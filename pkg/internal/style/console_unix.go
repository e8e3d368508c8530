//go:build unix

package style

import (
	"os"
	"os/signal"
	"syscall"
)

// EnableEscapes is needed only on Windows.
func EnableEscapes(*os.File) (restore func(), err error) { return func() {}, nil }

// Resizes signals changes of the terminal's size until stop is called.
func Resizes() (resized <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c, func() { signal.Stop(c) }
}
