//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// leaveTerminal detaches this process and all programs started by the tests from the
// controlling terminal, because the output of a script must not depend on whether `go test`
// has one. Scripts get a terminal with on-terminal; other tests open a pseudo-terminal. The
// process group does not change, so Ctrl-C still ends the tests.
func leaveTerminal() {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return // no terminal
	}
	defer tty.Close()
	_ = unix.IoctlSetInt(int(tty.Fd()), unix.TIOCNOTTY, 0) // cannot fail for a process with a terminal
}
