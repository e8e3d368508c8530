package cli

import (
	"bytes"
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

// report formats a command's result for stdout. Lines wrap between words, and verdicts are
// highlighted on a terminal. Each command is unwrapped on its own line, so that users can
// paste it. streams formats lines for stderr.
type report struct {
	bytes.Buffer
	style style.Style
	width int
}

// Limits for the width of a report.
const (
	maxColumns   = 100 // longer lines are hard to read
	leastColumns = 40
)

// report returns an empty report with the width of the terminal, up to maxColumns.
func (a app) report() *report {
	r := a.lines()
	if r.width == 0 {
		r.width = maxColumns
	}
	return r
}

// lines returns a report for text that programs may parse: if stdout is not a terminal,
// lines are not wrapped.
func (a app) lines() *report {
	width := style.Width(a.out)
	if width > 0 {
		width = max(leastColumns, min(width, maxColumns))
	}
	return &report{style: style.Of(a.out, a.env), width: width}
}

// line writes indented text and wraps it with the same indentation.
func (r *report) line(indent, format string, args ...any) {
	r.wrap(indent, len(indent), fmt.Sprintf(format, args...))
}

// result writes a line that may be a command.
func (r *report) result(text string) {
	if strings.HasPrefix(text, "aws ") || strings.HasPrefix(text, name+" ") {
		r.WriteString(hint.Clean(text, 1000) + "\n")
		return
	}
	r.line("", "%s", text)
}

// row writes a verdict, a label, a text and the commands that fix it. The text wraps in its
// column or, on a narrow terminal, below the label.
func (r *report) row(verdict, label, text string, next []string) {
	const leastText = 30
	columns := style.Columns(verdict + label)
	if r.width > 0 && r.width-columns < leastText {
		r.WriteString(strings.TrimRight(verdict+label, " ") + "\n")
		r.line(step+step, "%s", text)
		r.next(step+step, next)
		return
	}
	r.wrap(verdict+label, columns, text)
	r.next(strings.Repeat(" ", columns), next)
}

// entry writes a registry with its verdict, and the details below. On a terminal, the
// verdict is a symbol. Elsewhere, a list with verdicts needs the word.
func (r *report) entry(level style.Level, word, host, text string, next []string) {
	head := r.style.Mark(level, hint.Clean(host, 300))
	if r.style.Plain() && word != "" {
		head = fmt.Sprintf("%-8s %s", word, head)
	}
	r.WriteString(step + head + "\n")
	r.line(step+step, "%s", text)
	r.next(step+step, next)
}

// wrap writes head and then text, wrapped with an indent. It never splits words: a long
// word is a host or a path.
func (r *report) wrap(head string, indent int, text string) {
	lines := []string{hint.Clean(text, 1000)}
	if r.width > 0 {
		lines = style.Wrap(lines[0], max(1, r.width-style.Columns(head)))
		if rest := strings.Join(lines[1:], " "); rest != "" {
			lines = append(lines[:1], style.Wrap(rest, max(1, r.width-indent))...)
		}
	}
	for _, line := range lines {
		r.WriteString(head + line + "\n")
		head = strings.Repeat(" ", indent)
	}
}

// next writes the commands that fix a problem.
func (r *report) next(indent string, commands []string) {
	for i, command := range commands {
		_, _ = fmt.Fprintf(r, "%s%s %s\n", indent, []string{"run:", "or: "}[min(i, 1)], hint.Clean(command, 1000))
	}
}

func count(n int, noun string) string {
	if n == 0 {
		return "no " + noun
	}
	return hint.Count(n, noun)
}
