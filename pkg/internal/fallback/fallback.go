// Package fallback passes requests for registries other than ECR to the credential store
// that Docker used before: docker-credential-NAME, with NAME from the fallback setting.
//
// The store gets the unchanged request and the user's environment. The client gets the
// store's stdout, stderr and exit status. On Unix, the store replaces this process. This
// package searches for the store in the absolute directories of PATH, rejects this program
// as its own fallback, and reads a store's list. It does not log a store's output.
package fallback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

// known lists the names of the common stores, for suggestions.
// https://docs.docker.com/reference/cli/docker/login/#credential-stores
var known = []string{"osxkeychain", "wincred", "desktop", "desktop.exe", "pass", "secretservice"}

// installed returns the names of the common stores on PATH.
func installed(e env.Set) (names []string) {
	for _, name := range known {
		if _, err := programs.Find(e, hint.HelperPrefix+name); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// Commands returns the commands that select a fallback, one for each installed store
// other than except.
func Commands(e env.Set, except string) (commands []string) {
	for _, name := range installed(e) {
		if name != except {
			commands = append(commands, hint.ConfigureDockerCommand("--all-registries", "--fallback", name))
		}
	}
	return commands
}

// Store is an installed credential store.
type Store struct {
	Name, Path string
	environ    []string
}

// Program returns the store's file name.
func (s Store) Program() string { return hint.HelperPrefix + s.Name }

// The errors of Find.
var (
	ErrMissing = errors.New("is not on PATH")
	ErrSelf    = errors.New("is this program itself")
	ErrLoop    = errors.New("calls this helper for the same request")
)

// Find finds the store with the given name. The error wraps one of the errors above and
// has the commands that select another store.
func Find(e env.Set, name string) (Store, error) {
	s := Store{Name: name, environ: append(e.List(), env.SSOFallback.Name()+"="+name)}
	fail := func(err error) (Store, error) {
		next := Commands(e, name)
		if len(next) == 0 {
			next = []string{hint.ConfigureDockerCommand("--all-registries", "--remove")}
		}
		return Store{}, hint.With(fmt.Errorf("%s, the fallback store, %w", s.Program(), err), next...)
	}
	if e.Get(env.SSOFallback) != "" {
		return fail(ErrLoop)
	}
	var err error
	if s.Path, err = programs.Find(e, s.Program()); err != nil {
		return fail(ErrMissing)
	}
	if isSelf(s.Path) {
		return fail(ErrSelf)
	}
	return s, nil
}

// isSelf reports whether path is this program or a copy of it.
func isSelf(path string) bool {
	self, err := os.Executable()
	if err != nil {
		return false
	}
	mine, err := os.Stat(self)
	if err != nil {
		return false
	}
	other, err := os.Stat(path)
	if err != nil || mine.Size() != other.Size() {
		return false
	}
	return os.SameFile(mine, other) || sameContent(self, path)
}

func sameContent(a, b string) bool {
	f, err := os.Open(a)
	if err != nil {
		return false
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return false
	}
	defer g.Close()
	one, two := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(f, one)
		m, _ := io.ReadFull(g, two)
		if !bytes.Equal(one[:n], two[:m]) {
			return false
		}
		if err != nil {
			return true
		}
	}
}

// Streams are the store's input and outputs.
type Streams struct {
	In       io.Reader
	Out, Err *os.File
}

func withInput(to Streams, stdin []byte) Streams {
	to.In = bytes.NewReader(stdin)
	return to
}

// Run starts the store and waits for it to end. It has no time limit, because the client
// has one. It returns the exit status, or 128 + n after signal n. If ctx ends, the store
// is killed.
func (s Store) Run(ctx context.Context, verb string, to Streams) (status int, err error) {
	cmd := s.command(ctx, verb)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = to.In, to.Out, to.Err
	return s.status(cmd.Run())
}

func (s Store) command(ctx context.Context, verb string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.Path, verb) //nolint:gosec // Find returned the path, and the verb is from the protocol
	cmd.Args[0] = s.Program()                     // as in a client's call
	cmd.Env = s.environ
	return cmd
}

// status returns the exit status of a store that has ended.
func (s Store) status(err error) (int, error) {
	ended, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return 0, nil
	case !ok:
		return 0, hint.With(fmt.Errorf("%s, the fallback store, does not start: %w", s.Program(), hint.WithoutPath(err)),
			"file "+hint.Arg(s.Path))
	}
	return exitStatus(ended.ProcessState), nil
}

// maxList limits the size of a list, in bytes.
const maxList = 4 << 20

// List returns the store's list. If the store fails, status is not 0 and printed is its
// stdout. A list that is not a JSON object of names, or is larger than maxList, is an
// error.
func (s Store) List(ctx context.Context, to Streams) (list map[string]string, printed []byte, status int, err error) {
	out := programs.Output{Max: maxList, Strict: true} // ends a store with endless output
	cmd := s.command(ctx, "list")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = to.In, &out, to.Err
	err = cmd.Run()
	if status, err = s.status(err); !out.Over() && (err != nil || status != 0) {
		return nil, out.Bytes(), status, err
	}
	if out.Over() || json.Unmarshal(out.Bytes(), &list) != nil || list == nil {
		return nil, nil, 0, hint.With(fmt.Errorf("%s, the fallback store, printed no list of registries", s.Program()),
			filepath.Base(s.Path)+" list")
	}
	return list, nil, 0, nil
}
