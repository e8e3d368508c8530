package cli

import "golang.org/x/sys/unix"

// harden makes the process undumpable, so that core files and debuggers of the same user
// cannot read the tokens in its memory. The setting ends at exec and does not affect child
// processes.
func harden() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
