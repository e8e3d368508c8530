package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// outcome is everything that a client can observe about a command.
type outcome struct {
	Stdout, Stderr string
	Status         string
}

// runInside runs a command line of the program inside the test. That costs a small part of
// a new process, and the race detector sees the program. Warm entries are not used: package
// warm answers only a process of its own. Tests whose subject is the process (its streams,
// signals, working directory, children or parent) start the built program.
func runInside(ctx context.Context, args []string, stdin string, environ []string) (outcome, error) {
	in, w, err := os.Pipe()
	if err != nil {
		return outcome{}, err
	}
	defer in.Close()
	go func() { // a request can be longer than a pipe
		defer w.Close()
		_, _ = w.WriteString(stdin)
	}()
	dir, err := os.MkdirTemp("", "ecr-sso-inside-")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(dir)
	stdout, err1 := os.Create(filepath.Join(dir, "stdout"))
	stderr, err2 := os.Create(filepath.Join(dir, "stderr"))
	if err := errors.Join(err1, err2); err != nil {
		return outcome{}, err
	}
	e := env.FromList(environ)
	status := run(ctx, args, streams{in: in, out: stdout, err: stderr, env: e}, e)
	err = errors.Join(stdout.Close(), stderr.Close())
	answer, err1 := os.ReadFile(stdout.Name())
	messages, err2 := os.ReadFile(stderr.Name())
	return outcome{string(answer), string(messages), fmt.Sprint("exit status ", status)}, errors.Join(err, err1, err2)
}

// inProcess is runInside with the home directory.
func (s *stage) inProcess(t *testing.T, args []string, stdin string, environment ...string) outcome {
	t.Helper()
	result, err := runInside(t.Context(), args, stdin, slices.Concat(s.env, environment))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// withRaceDetector reports whether the tests were built with -race.
func withRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// mayRunInside reports whether a script's command can run inside the test: with the race
// detector (make mac-sim and make test-full run the scripts without it), in the directory
// that relative paths do not need, and without other programs, which would get the
// environment of the test.
func mayRunInside(ts *testscript.TestScript) bool {
	if !withRaceDetector() || ts.MkAbs(".") != ts.Getenv("WORK") || ts.Getenv("GODEBUG") != "" {
		return false
	}
	for _, variable := range []string{"ECR_SSO_CACHE_DIR", "ECR_SSO_CONFIG", "ECR_SSO_LOG"} {
		if path := ts.Getenv(variable); path != "" && !filepath.IsAbs(path) {
			return false
		}
	}
	home := stageOf(ts).home
	for _, path := range []string{home.ConfigPath(), filepath.Join(home.Dir, ".aws", "credentials"), ts.Getenv("SETTINGS"), ts.Getenv("ECR_SSO_CONFIG"), ts.Getenv("AWS_CONFIG_FILE")} {
		text, _ := os.ReadFile(path)
		for _, setting := range []string{"credential_process", "keychain", "fallback"} {
			if strings.Contains(string(text), setting) {
				return false
			}
		}
	}
	return true
}

// program COMMAND [ARG...] is exec docker-credential-ecr-sso COMMAND [ARG...], for commands
// that can run inside the test.
func cmdProgram(ts *testscript.TestScript, neg bool, args []string) {
	if !mayRunInside(ts) {
		if err := ts.Exec(name, args...); (err != nil) != neg {
			ts.Fatalf("%v: %v", args, err)
		}
		return
	}
	result, err := runInside(context.Background(), args, "", environmentOf(ts))
	ts.Check(err)
	fmt.Fprint(ts.Stdout(), result.Stdout)
	fmt.Fprint(ts.Stderr(), result.Stderr)
	if (result.Status != "exit status 0") != neg {
		ts.Fatalf("%v: %s", args, result.Status)
	}
}
