//go:build unix

package fallback

import (
	"context"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeHolds is the number of bytes that fit into an empty pipe without a reader: at least
// one page on every system of Go. POSIX guarantees less (_POSIX_PIPE_BUF).
const pipeHolds = 4096

// Answer has the store answer the request: stdin is what the client sent. The store
// replaces this process, so that the client sees the store's own exit status or signal, and
// ends the store if it kills the process. Answer returns only if that is not possible. A
// request that does not fit into a pipe is answered by a child process.
func (s Store) Answer(ctx context.Context, verb string, stdin []byte, to Streams) (status int, err error) {
	if len(stdin) <= pipeHolds {
		if r, w, err := os.Pipe(); err == nil {
			_, writeErr := w.Write(stdin)
			_ = w.Close()
			if writeErr == nil && unix.Dup2(int(r.Fd()), 0) == nil {
				err = syscall.Exec(s.Path, []string{s.Program(), verb}, s.environ) //nolint:gosec // found by Find, and the verb is the protocol's
			}
			_ = r.Close()
			if err != nil {
				return s.status(&os.PathError{Op: "exec", Path: s.Path, Err: err})
			}
		}
	}
	return s.Run(ctx, verb, withInput(to, stdin))
}

// exitStatus is what a shell reports for the process.
func exitStatus(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}
