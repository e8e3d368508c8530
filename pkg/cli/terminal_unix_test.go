//go:build unix

package cli

import (
	"os"
	"os/signal"

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

// unignoreSignals lets the programs that the tests start handle signals that the parent of
// the tests ignores, as `nohup make test` and `make test &` in a script do. An ignored signal
// stays ignored at exec. One that this process handles does not.
func unignoreSignals() {
	for _, sig := range []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGTERM} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig) // nothing reads it: still ignored here
		}
	}
}
