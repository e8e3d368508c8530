//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// leaveTerminal gives up the controlling terminal of this process, and so of all programs
// that the tests start: what a script shows must not depend on where `go test` runs. A
// script gets a terminal with ttyin, other tests with a pseudo-terminal of their own. The
// process group stays, so that Ctrl-C still ends the tests.
func leaveTerminal() {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return // there is none
	}
	defer tty.Close()
	_ = unix.IoctlSetInt(int(tty.Fd()), unix.TIOCNOTTY, 0) // fails for no caller that has one
}
