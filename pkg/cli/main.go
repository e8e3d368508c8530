// Package cli is the command line of docker-credential-ecr-sso: the helper
// protocol on stdin and stdout, the cobra commands, and everything that a
// terminal shows. No other package writes to the terminal. It decides nothing
// about registries, profiles or tokens. It may import every floor below (floor 5).
package cli

import (
	"os"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// endOnPanic ends the process with one line when a goroutine panics. A panic of the
// main one is dealt with by run.
func endOnPanic(s streams) {
	crash.Handle(func(value any) { os.Exit(s.fail(internalError(value))) })
}

// Main runs the command line of this process and exits with its status.
func Main() {
	harden()
	std := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	endOnPanic(std)
	ctx, stop := untilSignal()
	code := run(ctx, os.Args[1:], std, env.FromOS())
	stop()
	os.Exit(code)
}
