package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// Exit statuses. Docker tells only zero from not zero; our own commands also
// tell wrong usage, and a shell expects 128 + n after signal n.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128
)

// run does what args say and returns the exit status. Exactly one word of the
// protocol is the protocol: cobra is never built for it.
func run(ctx context.Context, args []string, s streams, e env.Set) (code int) {
	defer func() {
		if p := recover(); p != nil {
			code = s.fail(internalError(p))
		}
	}()
	if len(args) == 1 && isVerb(args[0]) {
		code = serve(ctx, args[0], s, e)
	} else {
		code = command(ctx, args, s, e)
	}
	if sig, ok := errors.AsType[signalled](context.Cause(ctx)); ok {
		return exitSignal + int(sig.Signal)
	}
	return code
}

// signalled is the cause of a context that a signal ended.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return "signal: " + s.Signal.String() }

// Is makes it a cancellation to everybody who looks for one.
func (s signalled) Is(target error) bool { return target == context.Canceled }

// untilSignal returns a context that ends at the first interrupt, hangup or
// termination. A second one takes its usual course and ends the process.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := make(chan os.Signal, 1)
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // nohup means what it says
			signal.Notify(c, sig)
		}
	}
	crash.Go(func() {
		if sig, ok := (<-c).(syscall.Signal); ok {
			signal.Reset()
			cancel(signalled{sig})
		}
	})
	return ctx, func() { signal.Stop(c) }
}

// internalError words a panic: where it happened, never the value, which may hold
// anything.
func internalError(p any) error {
	where := "unknown place"
	ours := regexp.MustCompile(`/(run|main|crash)\.go:`) // what deals with it
	for _, line := range strings.Split(string(debug.Stack()), "\n") {
		if strings.HasPrefix(line, "\t") && strings.Contains(line, "docker-credential-ecr-sso/") && !ours.MatchString(line) {
			where, _, _ = strings.Cut(strings.TrimSpace(line), " ")
			break
		}
	}
	kind := "panic"
	if _, ok := p.(runtime.Error); ok {
		kind = "runtime error"
	}
	return fmt.Errorf("internal error, please report it: %s at %s", kind, where)
}
