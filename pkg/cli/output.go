package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// The rules for the streams:
//
//   - stdout is for the result: the protocol's answer or its one error line,
//     a command's table or JSON;
//   - stderr is for the user. It is empty after a successful get, except for the
//     warning that logins are not cached;
//   - questions use the terminal device, never stdin and stdout;
//   - no child process inherits stdout.
//
// An error is one sanitized line in lower case: the cause first, then the command
// that fixes it. A protocol error goes to both streams: newer Docker clients read it
// from stdout, and older ones ignore stdout.
type streams struct {
	in       *os.File
	out, err *os.File
	env      env.Set // says what err can show
}

// look returns the style of stderr.
func (s streams) look() style.Style { return style.Of(s.err, s.env) }

// answer writes the result to stdout. It returns an error if it cannot write all of
// it: after a partial answer the exit status must not be 0.
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
// Not-found goes to stdout only. Clients compare its exact text and continue without
// a login, so the user does not need to see it. The exception is a problem that
// prevented a login. fail prints that reason on stderr, because otherwise a push would
// fail without a visible cause.
func (s streams) fail(err error) int {
	_, _ = io.WriteString(s.out, hint.Line(err)+"\n")
	if reason := reasonFor(err); reason != nil {
		s.problem(reason)
	}
	return exitFailed
}

// reasonFor returns what the user must see of a protocol error, or nil.
func reasonFor(err error) error {
	if !credentials.IsErrCredentialsNotFound(err) {
		return err
	}
	if e, ok := errors.AsType[*credhelper.AnonymousError](err); ok && !e.Quiet {
		return fmt.Errorf("continuing without a login: %w", e.Reason)
	}
	return nil
}

// problem prints an error in one line, with the command that fixes it.
func (s streams) problem(err error) { s.line(s.look().Problem(hint.Line(err))) }

// warn prints a problem that does not prevent the answer.
func (s streams) warn(err error) { s.line(s.look().Warning(hint.Line(err))) }

// note prints a sentence for the user: progress, or something to know.
func (s streams) note(text string) { s.line(hint.Clean(text, maxSaid)) }

// maxSaid is the maximum length of a sentence on the screen, in runes.
const maxSaid = 600

// line prints a line on stderr. A write that fails changes nothing: the exit status and
// stdout have the result.
func (s streams) line(text string) { _, _ = io.WriteString(s.err, wrapped(text, s.err)+"\n") }

// complain prints the error of one of our own commands on stderr: one line, and the
// alternative commands below it.
func (s streams) complain(err error) {
	s.problem(err)
	if next := hint.Next(err); len(next) > 1 {
		for _, command := range next[1:] {
			_, _ = fmt.Fprintln(s.err, "  or:", hint.Clean(command, 1000)) // unbroken, so that it can be pasted
		}
	}
}

// wrapped returns a line for f. If it is too long for the terminal, it breaks between
// words, and its command is on a line of its own.
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

// openLog opens the log file named by ECR_SSO_LOG. Without the variable, nothing is
// logged. If the file cannot be opened, openLog prints a line on stderr and the login
// continues.
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
