package style

import (
	"os"

	"golang.org/x/sys/windows"
)

// canMove: a console needs no TERM.
func canMove(kind string) bool { return kind != "dumb" }

// enableEscapes makes the console interpret escape sequences. It fails before Windows 10.
func enableEscapes(f *os.File) bool {
	console := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
