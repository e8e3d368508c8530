package keychain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

// maxOutput is far above the JSON of a login with a key of 44 characters in it.
const maxOutput = 16 << 10

// run is one start of the program. The client package has one of its own, which
// waits for ever, shares our stderr and looks the program up in the whole of PATH.
type run struct {
	k     *Keychain
	ctx   context.Context
	verb  string
	input io.Reader
	err   error // how the program ended; the client's own error repeats its output
}

// program implements client.ProgramFunc.
func (r *run) program(args ...string) client.Program {
	r.verb = args[0]
	return r
}

// Input implements client.Program.
func (r *run) Input(in io.Reader) { r.input = in }

// Output implements client.Program.
func (r *run) Output() ([]byte, error) {
	var out []byte
	out, r.err = r.output()
	return out, r.err
}

// output runs the program. What it writes to stderr goes nowhere: it may hold
// anything, and our stderr is for the person.
func (r *run) output() ([]byte, error) {
	path, err := programs.Find(r.k.env, r.k.Program())
	if err != nil {
		return nil, missing(r.k.Program())
	}
	ctx, cancel := context.WithTimeoutCause(r.ctx, patience, ErrTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, r.verb)
	cmd.Env = programs.WithoutSecrets(programs.CleanPath(cmd.Environ()))
	cmd.Stdin = r.input
	out := &programs.Output{Max: maxOutput}
	cmd.Stdout = out
	// The helper of pass starts shell scripts and gpg: all of them are ended.
	programs.Group(cmd)
	cmd.WaitDelay = 100 * time.Millisecond // or one that outlives it holds the pipe
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case out.Over():
		return nil, errTooMuch
	}
	return out.Bytes(), err
}

var (
	errMissing = errors.New("is not on PATH")
	errTooMuch = errors.New("printed more than a login")
)

// missing says where a program comes from that is not on PATH.
func missing(program string) error {
	from := ""
	switch program {
	case prefix + "pass", prefix + "secretservice":
		from = " (Debian and Ubuntu have it in the package golang-docker-credential-helpers)"
	case prefix + "osxkeychain":
		from = " (Docker Desktop and Homebrew's docker-credential-helper have it)"
	case prefix + "wincred":
		from = " (Docker Desktop has it)"
	}
	return fmt.Errorf("%w%s", errMissing, from)
}

// fault words how a call failed. The client's own words do not: they repeat what
// the program printed.
func (r *run) fault(err error) error {
	cause := r.err
	var exit *exec.ExitError
	switch {
	case credentials.IsErrCredentialsNotFound(err):
		cause = ErrNoKey
	case errors.As(r.err, &exit):
		cause = fmt.Errorf("ended with status %d", exit.ExitCode())
	case r.err == nil:
		cause = errors.New("printed no login")
	}
	return fmt.Errorf("%s %w", r.k.Program(), cause)
}
