package awsclient

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

const (
	maxProcessOutput = 64 << 10
	maxProcessStderr = 4 << 10
	// processLeave is what a program's end takes: a grandchild may hold the pipes
	// open for so long.
	processLeave = time.Second
	// processMargin before the caller's deadline the program is ended, so that the
	// error still comes in time.
	processMargin = processLeave + 500*time.Millisecond
)

// process runs a credential_process. The SDK's own builder would start a shell, unlike
// the AWS CLI, and give the program our stdin, which is Docker's, and our stderr. The
// SDK's errors repeat what the program printed, secrets included.
type process struct {
	sdk     *processcreds.Provider
	command string
	stderr  programs.Output
}

func newProcess(command string) *process {
	p := &process{command: command, stderr: programs.Output{Max: maxProcessStderr}}
	p.sdk = processcreds.NewProviderCommand(p, func(o *processcreds.Options) { o.Timeout = processTime })
	return p
}

// NewCommand implements processcreds.NewCommandBuilder. The program gets the environment
// of this process and is searched on the PATH that it gets.
func (p *process) NewCommand(ctx context.Context) (*exec.Cmd, error) {
	words, err := programs.SplitWords(p.command)
	if err != nil {
		return nil, &processError{why: "credential_process could not be run: " + err.Error()}
	}
	environ := programs.CleanPath(os.Environ())
	path, err := programs.Find(env.FromList(environ), words[0])
	if err != nil {
		return nil, &processError{why: "credential_process could not be run: " + clean(err.Error())}
	}
	cmd := exec.CommandContext(ctx, path, words[1:]...)
	cmd.Args[0] = words[0]
	cmd.Env = environ
	cmd.Stdin, cmd.Stderr = nil, &p.stderr
	cmd.Stdout = &programs.Output{Max: maxProcessOutput, Strict: true}
	// Where there is a terminal the program stays in our group: in another one it could
	// not ask there for a code.
	if !atTerminal() {
		programs.Group(cmd)
	}
	cmd.WaitDelay = processLeave
	return cmd, nil
}

func atTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	_ = tty.Close()
	return true
}

// Retrieve implements aws.CredentialsProvider.
func (p *process) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-processMargin))
		defer cancel()
	}
	creds, err := p.sdk.Retrieve(ctx)
	if err == nil && creds.CanExpire && creds.Expired() {
		return aws.Credentials{}, &processError{why: "credential_process printed credentials that are expired"}
	}
	if err == nil {
		return creds, nil
	}
	if own, ok := errors.AsType[*processError](err); ok {
		return aws.Credentials{}, own
	}
	why, said := "credential_process printed no credentials", ""
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timed out"):
		why = "credential_process did not end in time"
	case errors.As(err, &exit):
		why = fmt.Sprintf("credential_process ended with status %d", exit.ExitCode())
		said = lastLine(p.stderr.Bytes())
	case errors.Is(err, exec.ErrWaitDelay):
		why = "credential_process left a program behind that holds its output open"
	case strings.Contains(err.Error(), "error in credential_process"):
		why = "credential_process could not be run"
	}
	return aws.Credentials{}, &processError{why, said}
}

// processError says how a credential_process failed: in our words, and then in the
// last line that it printed on stderr, which may hold a secret.
type processError struct{ why, said string }

func (e *processError) Error() string {
	if e.said == "" {
		return e.why
	}
	return e.why + ": " + e.said
}

// Quiet returns the text of err without what a credential_process printed: that is
// for the one error line of the person who waits, and not for a log or a report.
// A nil err is "".
func Quiet(err error) string {
	if err == nil {
		return ""
	}
	process, ok := errors.AsType[*processError](err)
	if !ok || process.said == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), ": "+process.said, "")
}

// lastLine is what a program said at last.
func lastLine(printed []byte) string {
	text := strings.TrimSpace(string(printed))
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return clean(strings.TrimSpace(text))
}
