package prompt

import (
	"os"

	"golang.org/x/sys/windows"
)

// openDevice opens the console's two buffers, even if stdin and stdout are redirected.
func openDevice() (in, out *os.File, err error) {
	if in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	if out, err = os.OpenFile("CONOUT$", os.O_RDWR, 0); err != nil {
		_ = in.Close()
		return nil, nil, err
	}
	return in, out, nil
}

// enableEscapes makes the console interpret escape sequences. It fails before Windows 10.
func enableEscapes(out *os.File) (restore func(), err error) {
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

// resizes never signals. On Windows, the next key redraws the list.
func resizes() (resized <-chan os.Signal, stop func()) { return nil, func() {} }
