package style

import (
	"os"

	"golang.org/x/sys/windows"
)

// canMove does not require TERM, because a Windows console does not need it.
func canMove(kind string) bool { return kind != "dumb" }

// enableEscapes makes the console interpret escape sequences. It fails on versions before
// Windows 10.
func enableEscapes(f *os.File) bool {
	console := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
