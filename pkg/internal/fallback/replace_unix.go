//go:build unix

package fallback

import (
	"context"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeHolds is the number of bytes that fit into an empty pipe without a reader: one page
// or more on every system that Go supports. POSIX guarantees less (_POSIX_PIPE_BUF).
const pipeHolds = 4096

// Answer passes the request to the store. stdin is the client's input. The store replaces
// this process. The client therefore gets the store's own exit status or signal, and if
// it kills the process, it ends the store. Answer returns only if the process cannot be
// replaced. If the request does not fit into a pipe, a child process answers it.
func (s Store) Answer(ctx context.Context, verb string, stdin []byte, to Streams) (status int, err error) {
	if len(stdin) <= pipeHolds {
		if r, w, err := os.Pipe(); err == nil {
			_, writeErr := w.Write(stdin)
			_ = w.Close()
			if writeErr == nil && unix.Dup2(int(r.Fd()), 0) == nil {
				err = syscall.Exec(s.Path, []string{s.Program(), verb}, s.environ) //nolint:gosec // Find returned the path, and the verb is from the protocol
			}
			_ = r.Close()
			if err != nil {
				return s.status(&os.PathError{Op: "exec", Path: s.Path, Err: err})
			}
		}
	}
	return s.Run(ctx, verb, withInput(to, stdin))
}

// exitStatus returns the status that a shell reports for the process.
func exitStatus(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}
