//go:build unix

package cli

import (
	"fmt"
	"os"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// inProcess runs a command line of the program inside the test, which costs a tenth of a
// new process. Warm entries are not used: package warm answers only a process of its own.
// Tests whose subject is the process (its streams, signals, working directory or parent)
// start the built program.
func (s *stage) inProcess(t *testing.T, args []string, stdin string, environment ...string) outcome {
	t.Helper()
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	go func() { // a request can be longer than a pipe
		defer w.Close()
		_, _ = w.WriteString(stdin)
	}()
	var files [2]*os.File
	for i := range files {
		if files[i], err = os.CreateTemp(t.TempDir(), ""); err != nil {
			t.Fatal(err)
		}
		defer files[i].Close()
	}
	e := env.FromList(append(append([]string{}, s.env...), environment...))
	status := run(t.Context(), args, streams{in: in, out: files[0], err: files[1], env: e}, e)
	var texts [2]string
	for i, f := range files {
		data, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(data)
	}
	return outcome{texts[0], texts[1], fmt.Sprint("exit status ", status)}
}

// outcome is everything that a client can observe about a command.
type outcome struct {
	Stdout, Stderr string
	Status         string
}
