package prompt

import "os"

// openDevice opens the console's two buffers, whatever stdin and stdout are.
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

// fullTerminal: a console needs no TERM.
func fullTerminal(kind string) bool { return kind != "dumb" }
