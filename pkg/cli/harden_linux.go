package cli

import "golang.org/x/sys/unix"

// harden makes the process undumpable: no core file and no debugger of the same
// user gets at the tokens in its memory. It ends at an exec, so children are not
// touched.
func harden() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
