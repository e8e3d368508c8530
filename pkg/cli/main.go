// Package cli is the command line of docker-credential-ecr-sso: the helper protocol on
// stdin and stdout, the cobra commands, and all terminal output. No other package writes to
// the terminal. It makes no decisions about registries, profiles or tokens.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

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

// endOnPanic makes a panic in a goroutine exit the process with one error line. run
// recovers a panic in the main goroutine.
func endOnPanic(s streams) {
	crash.Handle(func(value any) { os.Exit(s.fail(internalError(value))) })
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

// Rules for output streams:
//
//   - stdout is for results: the protocol's response or its single error line, or a
//     command's table or JSON;
//   - stderr is for the user. It is empty after a successful get, except for the
//     warning that logins are not cached;
//   - questions use the terminal device, never stdin and stdout;
//   - child processes do not inherit stdout.
//
// An error is a single sanitized line in lower case: the cause, then the command that fixes
// it. Protocol errors are written to both streams: newer Docker clients read them from
// stdout, and older ones ignore stdout.
type streams struct {
	in       *os.File
	out, err *os.File
	env      env.Set // determines what err can display
}

// style returns the style for stderr.
func (s streams) style() style.Style { return style.Of(s.err, s.env) }

// answer writes the result to stdout. It returns an error if the result is not written
// completely: after a partial response, the exit status must not be 0.
func (s streams) answer(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if n, err := s.out.Write(text); err != nil {
		return fmt.Errorf("stdout: %w", hint.WithoutPath(err))
	} else if n < len(text) {
		return fmt.Errorf("stdout: %w", io.ErrShortWrite)
	}
	return nil
}

// fail prints a protocol error on both streams and returns the exit status.
//
// "Not found" is written only to stdout. Clients compare its exact text and continue
// without a login, so the user does not need to see it. If an error prevented a login, fail
// also prints the reason on stderr. Otherwise, a push would fail without a visible cause.
func (s streams) fail(err error) int {
	_, _ = io.WriteString(s.out, hint.Line(err)+"\n")
	if reason := reasonFor(err); reason != nil {
		s.problem(reason)
	}
	return exitFailed
}

// reasonFor returns the part of a protocol error that the user must see, or nil.
func reasonFor(err error) error {
	if !credentials.IsErrCredentialsNotFound(err) {
		return err
	}
	if e, ok := errors.AsType[*credhelper.AnonymousError](err); ok && !e.Quiet {
		return fmt.Errorf("continuing without a login: %w", e.Reason)
	}
	return nil
}

// problem prints an error on one line, with the command that fixes it.
func (s streams) problem(err error) { s.line(s.style().Problem(hint.Line(err))) }

// warn prints a warning. The result is still valid.
func (s streams) warn(err error) { s.line(s.style().Warning(hint.Line(err))) }

// note prints a message for the user.
func (s streams) note(text string) { s.line(hint.Clean(text, maxMessage)) }

// maxMessage is the maximum length of a message, in runes.
const maxMessage = 600

// line prints a line on stderr. Write errors are ignored: the exit status and stdout
// already contain the result.
func (s streams) line(text string) { _, _ = io.WriteString(s.err, wrapped(text, s.err)+"\n") }

// printError prints a command's error on stderr: one line, and alternative commands below
// it.
func (s streams) printError(err error) {
	s.problem(err)
	if next := hint.Next(err); len(next) > 1 {
		for _, command := range next[1:] {
			_, _ = fmt.Fprintln(s.err, "  or:", hint.Clean(command, 1000)) // not wrapped, so that it can be pasted
		}
	}
}

// wrapped formats a line for f. If it is too long for the terminal, it is wrapped between
// words, and its command is on a separate line.
func wrapped(line string, f *os.File) string {
	if width := style.Width(f); width > 0 && style.Columns(line) > width {
		cause, command, found := strings.Cut(line, "; run: ")
		line = strings.Join(style.Wrap(cause, width), "\n")
		if found {
			line += "\n  run: " + command
		}
	}
	return line
}

// openLog opens the log file named in ECR_SSO_LOG. Without the variable, nothing is logged.
// If the file cannot be opened, it prints a line on stderr and the login continues.
func openLog(e env.Set, s streams) (*slog.Logger, func()) {
	nothing := slog.New(slog.DiscardHandler)
	path := e.Get(env.SSOLog)
	if path == "" {
		return nothing, func() {}
	}
	f, err := safefile.OpenLog(path)
	if err != nil {
		s.note("no log: " + env.SSOLog.Name() + ": " + hint.WithoutPath(err).Error())
		return nothing, func() {}
	}
	handler := slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug})
	return slog.New(handler).With("pid", os.Getpid()), func() { _ = f.Close() }
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
