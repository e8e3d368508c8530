//go:build unix

package prompt

import (
	"os"
	"os/signal"
	"syscall"
)

func openDevice() (in, out *os.File, err error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return f, f, err
}

// enableEscapes is needed only on Windows.
func enableEscapes(*os.File) (restore func(), err error) { return func() {}, nil }

// resizes signals terminal size changes until stop is called.
func resizes() (resized <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGWINCH)
	return c, func() { signal.Stop(c) }
}
