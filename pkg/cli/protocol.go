package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
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
		line, err := readLine(ctx, s.question(), maxHost, patience)
		// Two lines are no ECR registry, whatever they say, nor is a name with
		// blanks around it, which the library would trim.
		if errors.Is(err, errManyLines) || err == nil && !bytes.Equal(line, bytes.TrimSpace(line)) {
			err = credentials.NewErrCredentialsNotFound()
		}
		return line, err
	case credentials.ActionStore:
		line, err := readLine(ctx, s.in, maxLogin, patience)
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
