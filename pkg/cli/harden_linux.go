package cli

import "golang.org/x/sys/unix"

// harden makes the process undumpable, so no core file and no debugger of the same user
// can read the tokens in its memory. The setting ends at exec, so child processes are
// not affected.
func harden() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
