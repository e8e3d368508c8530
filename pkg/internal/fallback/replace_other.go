//go:build !unix

package fallback

import (
	"context"
	"os"
)

// Answer passes the request to the store. stdin is the client's input. This system cannot
// replace a process, so the store is a child process.
func (s Store) Answer(ctx context.Context, verb string, stdin []byte, to Streams) (status int, err error) {
	return s.Run(ctx, verb, withInput(to, stdin))
}

func exitStatus(state *os.ProcessState) int { return state.ExitCode() }
