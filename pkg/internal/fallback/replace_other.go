//go:build !unix

package fallback

import (
	"context"
	"os"
)

// Answer has the store answer the request: stdin is what the client sent. A process cannot
// be replaced here, so the store is a child process.
func (s Store) Answer(ctx context.Context, verb string, stdin []byte, to Streams) (status int, err error) {
	return s.Run(ctx, verb, withInput(to, stdin))
}

func exitStatus(state *os.ProcessState) int { return state.ExitCode() }
