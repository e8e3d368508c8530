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
	"runtime"
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

// serveTimeout limits a protocol call, from reading stdin to writing the response. BuildKit
// stops a helper after 60 s.
const serveTimeout = 58 * time.Second

// serve handles one request from a Docker client. It first reads and validates the whole
// request, and writes nothing until the response is complete.
func serve(unlimited context.Context, verb string, s streams, e env.Set) int {
	ctx, cancel := context.WithTimeout(unlimited, serveTimeout)
	defer cancel()
	// A get allocates about 6 MB, most of it for reading certificates. A garbage collection
	// before the process exits would touch 1 MB more than it frees.
	debug.SetGCPercent(300)
	// If the client has closed the pipe, print an error. By default, SIGPIPE would kill the
	// process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if errno := warm.WriteError(); errno != 0 {
		return s.fail(fmt.Errorf("stdout: %w", syscall.Errno(errno)))
	}
	question, err := read(ctx, verb, s)
	if err != nil {
		return s.fail(err)
	}
	if code, done := serveOther(unlimited, verb, question, s, e); done {
		return code
	}
	var others otherRegistries
	if verb == credentials.ActionList {
		// Without its store, a list fails. Do not first get the logins for ECR.
		if others, err = newOtherRegistries(e, ""); err != nil && !others.broken {
			return s.fail(err)
		}
	}
	log, closeLog := openLog(e, s)
	defer closeLog()
	user := &terminalUser{env: e, stderr: s.err}
	helper := credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(e.List()),
		credhelper.WithLogger(log), credhelper.WithUserAgent(userAgent()),
		credhelper.WithSignIn(user.signIn), credhelper.WithWarning(s.warn), credhelper.WithClientName(programs.ParentName))
	var answer bytes.Buffer
	if verb == credentials.ActionVersion {
		answer.WriteString(versionLine())
	} else if err := credentials.HandleCommand(helper, verb, bytes.NewReader(question.line), &answer); err != nil {
		if verb == credentials.ActionGet && kubelet.IsRequest(question.line) {
			err = errKubeletRequest()
		}
		user.showError(err)
		return s.fail(err)
	}
	text := answer.Bytes()
	if verb == credentials.ActionList {
		var code int
		var failed bool
		if text, code, failed = others.addLogins(unlimited, text, s); failed {
			return code
		}
	}
	if answer.Len() > 0 && closedAtStart(s.out) {
		return s.fail(fmt.Errorf("stdout: %w", os.ErrClosed))
	}
	if err := s.answer(text); err != nil {
		return s.fail(err)
	}
	return exitOK
}

// closedAtStart reports whether f was closed when the program started. On Unix, Go's runtime
// replaces a closed standard descriptor with the null device, opened for reading and
// writing, so writes would appear to succeed. In contrast, a shell redirecting to /dev/null
// opens it write-only. On Windows, writing to a closed stdout fails.
func closedAtStart(f *os.File) bool {
	if runtime.GOOS == "windows" {
		return false
	}
	is, err := f.Stat()
	if err != nil {
		return true
	}
	null, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(is, null) {
		return false
	}
	_, err = f.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}

// request is a client's request: the line, and the bytes from stdin.
type request struct{ line, raw []byte }

// server returns the server URL of a get, store or erase.
func (q request) server(verb string) string {
	switch verb {
	case credentials.ActionGet, credentials.ActionErase:
		return string(q.line)
	case credentials.ActionStore:
		var login credentials.Credentials
		if json.Unmarshal(q.line, &login) == nil {
			return login.ServerURL
		}
	}
	return ""
}

// read reads the request from stdin. list and version have no input.
func read(ctx context.Context, verb string, s streams) (q request, err error) {
	switch verb {
	case credentials.ActionGet, credentials.ActionErase:
		q, err = readLine(ctx, s.stdin(), maxHost, stdinTimeout)
		// Two lines are never an ECR registry. Neither is a name with surrounding
		// whitespace, which the library would trim.
		if errors.Is(err, errManyLines) || err == nil && !bytes.Equal(q.line, bytes.TrimSpace(q.line)) {
			err = credentials.NewErrCredentialsNotFound()
		}
		return q, err
	case credentials.ActionStore:
		if q, err = readLine(ctx, s.in, maxLogin, stdinTimeout); err != nil {
			return q, err
		}
		// The library's error for invalid JSON can contain parts of the secret.
		if !json.Valid(q.line) || !bytes.HasPrefix(bytes.TrimSpace(q.line), []byte("{")) {
			return q, errors.New("stdin is not the JSON object of a login")
		}
		return q, nil
	default:
		return q, nil
	}
}

// stdin returns the standard input of the process, beginning with the bytes that package
// warm has already read.
func (s streams) stdin() io.Reader {
	input, all := warm.Input()
	if all {
		return bytes.NewReader(input) // on a terminal, another read would require a second end of file
	}
	return io.MultiReader(bytes.NewReader(input), s.in)
}

const (
	maxHost      = 4 << 10         // bytes in a server URL
	maxLogin     = 64<<10 - 1      // bytes in a store request; the limit of the protocol library's scanner
	pipeSize     = 64 << 10        // bytes in a Linux pipe, the maximum for one read
	stdinTimeout = 5 * time.Second // for a client that does not close stdin
)

var errManyLines = errors.New("stdin has more than one line")

// readLine reads one line of at most max bytes, with or without a line ending, until end of
// file. If stdin is still open after timeout, readLine returns the input if it is a
// complete line, and otherwise an error.
//
// The protocol library joins the lines that it reads, so a name with a line break inside
// would become a valid name (compare CVE-2020-5260). Here, a second line is an error.
func readLine(ctx context.Context, in io.Reader, max int, timeout time.Duration) (request, error) {
	data, err := readAll(ctx, in, max, timeout)
	if err != nil {
		return request{}, err
	}
	line := bytes.TrimPrefix(data, []byte("\ufeff")) // PowerShell adds a byte-order mark to piped data
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(line, "\r\n") {
		return request{}, errManyLines
	}
	return request{line: line, raw: data}, nil
}

func readAll(ctx context.Context, in io.Reader, max int, timeout time.Duration) ([]byte, error) {
	type chunk struct {
		data []byte
		err  error
	}
	chunks := make(chan chunk)
	done := make(chan struct{})
	defer close(done)
	crash.Go(func() { // ends when the read returns; the process does not wait for it
		for {
			buf := make([]byte, min(max+1, pipeSize))
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
				return nil, fmt.Errorf("stdin has more than %d bytes", max)
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
