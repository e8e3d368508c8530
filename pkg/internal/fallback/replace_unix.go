//go:build unix

package fallback

import (
	"context"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeHolds is how much an empty pipe takes without a reader, at least: one page. POSIX
// calls it _POSIX_PIPE_BUF and promises less, but no system that Go runs on has less.
const pipeHolds = 4096

// Answer has the store answer the request: stdin is what the client sent. The store
// replaces this process, so that its exit status, its death by a signal and its end when
// the client kills it are its own. Answer returns only if that is not possible. A request
// that is longer than a pipe holds is answered by a child process.
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
