//go:build unix

package prompt

import "os"

func openDevice() (in, out *os.File, err error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return f, f, err
}

// fullTerminal reports whether the terminal type can move its cursor.
func fullTerminal(kind string) bool { return kind != "" && kind != "dumb" }
