package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// The rules for the streams:
//
//   - stdout is what was asked for: the protocol's answer or its one error line,
//     a command's table, its JSON;
//   - stderr is for the person, and stays empty after a good get, but for the one
//     warning that logins are not cached;
//   - questions go to the terminal device, never to stdin and stdout;
//   - no child inherits stdout.
//
// An error is one sanitised line, lower case, the cause first, then the command
// that fixes it. The protocol's goes to stdout, where newer Docker clients take
// it from, and to stderr, because older ones drop stdout.
type streams struct {
	in       *os.File
	out, err *os.File
}

// answer writes what was asked for to stdout, completely or with an
// error: after half an answer the exit status must not be 0.
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

// fail reports a failure of the protocol on both streams and returns the exit
// status. Not-found is said on stdout only: clients compare it letter by letter
// and go on anonymously, so it is not news for the person; unless something kept us
// from a login that the client may have needed: a push would fail without a cause.
func (s streams) fail(err error) int {
	line := hint.Line(err) + "\n"
	_, _ = io.WriteString(s.out, line)
	if credentials.IsErrCredentialsNotFound(err) {
		line = ""
		if e, ok := errors.AsType[*credhelper.AnonymousError](err); ok && !e.Quiet {
			line = hint.Line(fmt.Errorf("going on without a login: %w", e.Reason)) + "\n"
		}
	}
	_, _ = io.WriteString(s.err, line)
	return exitFailed
}

// warn prints a problem that did not prevent the answer.
func (s streams) warn(err error) {
	_, _ = io.WriteString(s.err, "warning: "+hint.Line(err)+"\n")
}

// complain reports a failure of one of our own commands: one line on stderr, and the
// alternative commands below it.
func (s streams) complain(err error) {
	_, _ = fmt.Fprintln(s.err, hint.Line(err))
	if next := hint.Next(err); len(next) > 1 {
		for _, command := range next[1:] {
			_, _ = fmt.Fprintln(s.err, "  or:", hint.Clean(command, 300))
		}
	}
}

// openLog opens the log that ECR_SSO_LOG asks for. Nothing is logged without it,
// and a log that cannot be opened costs a line on stderr, not the login.
func openLog(e env.Set, s streams) (*slog.Logger, func()) {
	nothing := slog.New(slog.DiscardHandler)
	path := e.Get(env.SSOLog)
	if path == "" {
		return nothing, func() {}
	}
	f, err := safefile.OpenLog(path)
	if err != nil {
		_, _ = io.WriteString(s.err, "no log: "+env.SSOLog.Name()+": "+hint.WithoutPath(err).Error()+"\n")
		return nothing, func() {}
	}
	handler := slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug})
	return slog.New(handler).With("pid", os.Getpid()), func() { _ = f.Close() }
}
