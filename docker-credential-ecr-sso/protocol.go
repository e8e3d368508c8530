package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/env"
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

// serve answers one question of a Docker client: the question is read and
// checked first, the answer collected, then written at once.
func serve(ctx context.Context, verb string, s streams, e env.Set) int {
	question, err := read(verb, s)
	if err != nil {
		return s.fail(err)
	}
	log, closeLog := openLog(e, s)
	defer closeLog()
	helper := credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(e),
		credhelper.WithLogger(log), credhelper.WithUserAgent(userAgent()),
		credhelper.WithSignIn(askPerson(e)))
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
func read(verb string, s streams) ([]byte, error) {
	switch verb {
	case credentials.ActionGet, credentials.ActionErase:
		line, err := readLine(s.in, maxHost, patience)
		if errors.Is(err, errManyLines) {
			// Two lines are no ECR registry, whatever they say.
			err = credentials.NewErrCredentialsNotFound()
		}
		return line, err
	case credentials.ActionStore:
		line, err := readLine(s.in, maxLogin, patience)
		if err != nil {
			return nil, err
		}
		// The library's words for broken JSON can repeat a piece of it.
		if !json.Valid(line) {
			return nil, errors.New("stdin is not the JSON object of a login")
		}
		return line, nil
	default:
		return nil, nil
	}
}
