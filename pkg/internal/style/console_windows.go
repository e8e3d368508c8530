package style

import (
	"os"

	"golang.org/x/sys/windows"
)

// EnableEscapes makes the console interpret escape sequences. It fails before Windows 10.
func EnableEscapes(out *os.File) (restore func(), err error) {
	console := windows.Handle(out.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return nil, err
	}
	if err := windows.SetConsoleMode(console, mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING); err != nil {
		return nil, err
	}
	return func() { _ = windows.SetConsoleMode(console, mode) }, nil
}

// Resizes never signals. On Windows, the next key redraws a list.
func Resizes() (resized <-chan os.Signal, stop func()) { return nil, func() {} }
