// Package cli is the command line of docker-credential-ecr-sso: the helper
// protocol on stdin and stdout, the cobra commands, and all terminal output.
// No other package writes to the terminal. Package cli makes no decisions about
// registries, profiles or tokens. It may import every floor below (floor 5).
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// endOnPanic makes a panic in a goroutine end the process with one line. run
// recovers a panic in the main goroutine.
func endOnPanic(s streams) {
	crash.Handle(func(value any) { os.Exit(s.fail(internalError(value))) })
}

// Main runs the command line of this process and exits with its status.
func Main() {
	harden()
	e := env.FromOS()
	std := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: e}
	endOnPanic(std)
	ctx, stop := untilSignal()
	code := run(ctx, asProvider(os.Args), std, e)
	stop()
	os.Exit(code)
}

// providerName is the name of the kubelet's reference provider. A program under this name
// runs the command kubelet, so that existing node configurations need no change.
const providerName = "ecr-credential-provider"

// asProvider returns the arguments of this process. Under the name of the reference
// provider they are those of the command kubelet.
func asProvider(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if program := filepath.Base(argv[0]); strings.TrimSuffix(program, ".exe") == providerName {
		return append([]string{kubeletCommand}, argv[1:]...)
	}
	return argv[1:]
}

// Exit statuses. Docker only distinguishes zero from nonzero. Our own commands also
// report wrong usage. A shell expects 128 + n after signal n.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128
)

// run runs a command line and returns the exit status. A single argument that is a
// protocol verb is served without cobra.
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

// Is makes a signal count as context.Canceled for errors.Is.
func (s signalled) Is(target error) bool { return target == context.Canceled }

// untilSignal returns a context that ends at the first SIGINT, SIGTERM or SIGHUP.
// A second signal has its default effect and ends the process.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := make(chan os.Signal, 1)
	var caught []os.Signal
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // signals that the parent ignores (nohup) stay ignored
			signal.Notify(c, sig)
			caught = append(caught, sig)
		}
	}
	crash.Go(func() {
		if sig, ok := (<-c).(syscall.Signal); ok {
			// Not SIGPIPE: after Ctrl-C a client may have closed our stdout, and the reason
			// must still be shown on stderr.
			signal.Reset(caught...)
			cancel(signalled{sig})
		}
	})
	return ctx, func() { signal.Stop(c) }
}

// internalError describes a panic by its place in the source. It never prints the
// value of the panic, which may be a secret.
func internalError(p any) error {
	where := "unknown place"
	ours := regexp.MustCompile(`/(main|crash)\.go:`) // skip the frames of the panic handlers
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
