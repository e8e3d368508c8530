// Package cli is the command line of docker-credential-ecr-sso: the helper protocol on
// stdin and stdout, the cobra commands, and all terminal output. No other package writes to
// the terminal. It makes no decisions about registries, profiles or tokens.
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

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// endOnPanic makes a panic in a goroutine exit the process with one error line. run
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

// providerName is the name of the kubelet's reference provider. A program with this name
// runs the kubelet command, so that existing node configurations work unchanged.
const providerName = "ecr-credential-provider"

// asProvider returns the arguments of this process. If the program has the reference
// provider's name, they are those of the kubelet command.
func asProvider(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if program := filepath.Base(argv[0]); strings.TrimSuffix(program, ".exe") == providerName {
		return append([]string{kubeletCommand}, argv[1:]...)
	}
	return argv[1:]
}

// Exit statuses. Docker only distinguishes zero from nonzero. The helper's own commands
// also report incorrect usage. Shells expect 128 + n for signal n.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128
)

// run executes a command line and returns the exit status. A single argument that is a
// protocol verb does not use cobra.
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

// isVerb reports whether word is a verb of the credential helper protocol
// (https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol).
func isVerb(word string) bool {
	switch word {
	case credentials.ActionGet, credentials.ActionStore, credentials.ActionErase,
		credentials.ActionList, credentials.ActionVersion:
		return true
	}
	return false
}

// signalled is the cancellation cause of a context that ended because of a signal.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return "signal: " + s.Signal.String() }

// Is makes errors.Is treat a signal as context.Canceled.
func (s signalled) Is(target error) bool { return target == context.Canceled }

// untilSignal returns a context that ends at the first SIGINT, SIGTERM or SIGHUP. A second
// signal has its default effect: it kills the process.
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
			// Not SIGPIPE: after Ctrl-C, a client may have closed stdout, but the reason
			// must still appear on stderr.
			signal.Reset(caught...)
			cancel(signalled{sig})
		}
	})
	return ctx, func() { signal.Stop(c) }
}

// internalError describes a panic by its source location. It never prints the panic value,
// which may contain a secret.
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

const modulePath = "github.com/ecr-sso/docker-credential-ecr-sso"
