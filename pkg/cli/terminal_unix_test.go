//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// leaveTerminal gives up the controlling terminal of this process and of all programs that
// the tests start, because the output of a script must not depend on where `go test` runs. A
// script gets a terminal with ttyin, other tests open a pseudo-terminal. The process group
// stays, so that Ctrl-C still ends the tests.
func leaveTerminal() {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return // there is none
	}
	defer tty.Close()
	_ = unix.IoctlSetInt(int(tty.Fd()), unix.TIOCNOTTY, 0) // does not fail for a process that has one
}
