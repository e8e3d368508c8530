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
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warm"
)

// isVerb reports whether word is one of the protocol's.
// https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol
func isVerb(word string) bool {
	switch word {
	case credentials.ActionGet, credentials.ActionStore, credentials.ActionErase,
		credentials.ActionList, credentials.ActionVersion:
		return true
	}
	return false
}

// serveTimeout bounds an answer, reading the question included: BuildKit stops a helper
// after 60 s.
const serveTimeout = 58 * time.Second

// serve answers one question of a Docker client: the question is read and
// checked first, the answer collected, then written at once.
func serve(ctx context.Context, verb string, s streams, e env.Set) int {
	ctx, cancel := context.WithTimeout(ctx, serveTimeout)
	defer cancel()
	// A get allocates about 6 MB, most of it while it reads the certificates. A
	// collection in between touches 1 MB more than it frees before the end.
	debug.SetGCPercent(300)
	// A client that has gone away is an error with its line, not Go's end by SIGPIPE.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	question, err := read(ctx, verb, s)
	if err != nil {
		return s.fail(err)
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

// read takes the question from stdin; list and version have none.
func read(ctx context.Context, verb string, s streams) ([]byte, error) {
	switch verb {
	case credentials.ActionGet, credentials.ActionErase:
		line, err := readLine(ctx, s.question(), maxHost, stdinTimeout)
		// Two lines are no ECR registry, whatever they say, nor is a name with
		// blanks around it, which the library would trim.
		if errors.Is(err, errManyLines) || err == nil && !bytes.Equal(line, bytes.TrimSpace(line)) {
			err = credentials.NewErrCredentialsNotFound()
		}
		return line, err
	case credentials.ActionStore:
		line, err := readLine(ctx, s.in, maxLogin, stdinTimeout)
		if err != nil {
			return nil, err
		}
		// The library's words for broken JSON can repeat a piece of it.
		if !json.Valid(line) || !bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) {
			return nil, errors.New("stdin is not the JSON object of a login")
		}
		return line, nil
	default:
		return nil, nil
	}
}

// question is stdin, with what package warm has read of it in front.
func (s streams) question() io.Reader {
	taken, all := warm.Taken()
	if all {
		return bytes.NewReader(taken) // a terminal would have to be told twice
	}
	return io.MultiReader(bytes.NewReader(taken), s.in)
}

const (
	maxHost      = 4 << 10         // bytes of a server URL
	maxLogin     = 64<<10 - 1      // bytes of a store; the protocol library's scanner takes no more
	stdinTimeout = 5 * time.Second // for a client that does not close stdin
)

var errManyLines = errors.New("stdin holds more than one line")

// readLine reads the one line that a client sends, at most max bytes, with or
// without its line end, until end of file. A stdin that stays open is given 5 s:
// what stands there then is taken if it is a whole line.
//
// The protocol library reads lines and joins them, so that a name with a line
// break inside becomes a clean one (CVE-2020-5260 and its kin); here a second
// line is an error.
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
	crash.Go(func() { // ends with its read; the process does not wait for it
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
