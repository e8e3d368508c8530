package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/kubelet"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warm"
)

// isVerb reports whether word is a verb of the credential helper protocol.
// https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol
func isVerb(word string) bool {
	switch word {
	case credentials.ActionGet, credentials.ActionStore, credentials.ActionErase,
		credentials.ActionList, credentials.ActionVersion:
		return true
	}
	return false
}

// serveTimeout limits one protocol call, from reading stdin to writing the answer.
// BuildKit stops a helper after 60 s.
const serveTimeout = 58 * time.Second

// serve answers one request of a Docker client. It reads and checks the whole request
// first. It writes the answer only when the answer is complete.
func serve(ctx context.Context, verb string, s streams, e env.Set) int {
	ctx, cancel := context.WithTimeout(ctx, serveTimeout)
	defer cancel()
	// A get allocates about 6 MB, most of it while it reads the certificates. A garbage
	// collection before the process ends touches 1 MB more than it frees.
	debug.SetGCPercent(300)
	// If the client has closed the pipe, print an error line. Without this, SIGPIPE
	// would end the process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	question, err := read(ctx, verb, s)
	if err != nil {
		return s.fail(err)
	}
	if verb == credentials.ActionGet && kubelet.IsRequest(question) {
		return s.fail(errKubeletAsks())
	}
	log, closeLog := openLog(e, s)
	defer closeLog()
	helper := credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(e.List()),
		credhelper.WithLogger(log), credhelper.WithUserAgent(userAgent()),
		credhelper.WithSignIn(askUser), credhelper.WithWarning(s.warn), credhelper.WithClient(programs.ParentName))
	var answer bytes.Buffer
	if verb == credentials.ActionVersion {
		answer.WriteString(versionLine())
	} else if err := credentials.HandleCommand(helper, verb, bytes.NewReader(question), &answer); err != nil {
		return s.fail(err)
	}
	if answer.Len() > 0 && closedAtStart(s.out) {
		return s.fail(fmt.Errorf("stdout: %w", os.ErrClosed))
	}
	if err := s.answer(answer.Bytes()); err != nil {
		return s.fail(err)
	}
	return exitOK
}

// read reads the request from stdin. list and version have no input.
func read(ctx context.Context, verb string, s streams) ([]byte, error) {
	switch verb {
	case credentials.ActionGet, credentials.ActionErase:
		line, err := readLine(ctx, s.question(), maxHost, stdinTimeout)
		// Two lines are never an ECR registry. Neither is a name with blanks around
		// it, which the library would trim.
		if errors.Is(err, errManyLines) || err == nil && !bytes.Equal(line, bytes.TrimSpace(line)) {
			err = credentials.NewErrCredentialsNotFound()
		}
		return line, err
	case credentials.ActionStore:
		line, err := readLine(ctx, s.in, maxLogin, stdinTimeout)
		if err != nil {
			return nil, err
		}
		// The library's error for invalid JSON can contain a part of the secret.
		if !json.Valid(line) || !bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) {
			return nil, errors.New("stdin is not the JSON object of a login")
		}
		return line, nil
	default:
		return nil, nil
	}
}

// question returns the stdin of the process. It starts with the bytes that package
// warm has already read.
func (s streams) question() io.Reader {
	input, all := warm.Input()
	if all {
		return bytes.NewReader(input) // at a terminal, another read would need a second end of file
	}
	return io.MultiReader(bytes.NewReader(input), s.in)
}

const (
	maxHost      = 4 << 10         // bytes of a server URL
	maxLogin     = 64<<10 - 1      // bytes of a store; the limit of the protocol library's scanner
	stdinTimeout = 5 * time.Second // for a client that does not close stdin
)

var errManyLines = errors.New("stdin holds more than one line")

// readLine reads one line of at most max bytes, with or without a line end. It reads
// until end of file. If stdin is still open after timeout, readLine returns what it
// has read if that is a whole line, and an error otherwise.
//
// The protocol library joins the lines that it reads, so a name with a line break
// inside becomes a valid name (compare CVE-2020-5260). Here a second line is an error.
func readLine(ctx context.Context, in io.Reader, max int, timeout time.Duration) ([]byte, error) {
	data, err := readAll(ctx, in, max, timeout)
	if err != nil {
		return nil, err
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(line, "\r\n") {
		return nil, errManyLines
	}
	return line, nil
}

func readAll(ctx context.Context, in io.Reader, max int, timeout time.Duration) ([]byte, error) {
	type chunk struct {
		data []byte
		err  error
	}
	chunks := make(chan chunk)
	done := make(chan struct{})
	defer close(done)
	crash.Go(func() { // ends when its read returns; the process does not wait for it
		for {
			buf := make([]byte, max+1)
			n, err := in.Read(buf)
			select {
			case chunks <- chunk{buf[:n], err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	})
	var data []byte
	late := time.After(timeout)
	for {
		select {
		case c := <-chunks:
			data = append(data, c.data...)
			switch {
			case len(data) > max:
				return nil, fmt.Errorf("stdin holds more than %d bytes", max)
			case errors.Is(c.err, io.EOF):
				return data, nil
			case c.err != nil:
				return nil, fmt.Errorf("stdin: %w", hint.WithoutPath(c.err))
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-late:
			if bytes.HasSuffix(data, []byte("\n")) {
				return data, nil
			}
			return nil, fmt.Errorf("stdin was not closed within %v", timeout)
		}
	}
}
