// Package keychain manages one item in the platform's keychain: the 32-byte key that
// encrypts token cache entries with the setting cache = "keychain". It uses the programs of
// docker-credential-helpers (docker-credential-pass, -secretservice, -osxkeychain,
// -wincred).
//
// It never stores the key anywhere else, never replaces an item in another format, never
// shows a program's output, and never waits longer than 3 seconds for a program. credhelper
// passes the key to tokencache. doctor checks whether the key is available.
package keychain

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	// keySize is the length of an AES-256 key in bytes.
	keySize = 32

	// runTimeout limits one run of the program. A keychain that prompts the user to unlock it
	// takes longer, and a pull must not wait for that.
	runTimeout = 3 * time.Second
	// item is the server address of the key, because helpers store items by address.
	// Nobody can register a domain in .invalid (RFC 2606), so no client requests a login
	// for it.
	item = "https://docker-credential-ecr-sso.invalid/token-cache-key"
	// user describes the item to a user who opens the keychain.
	user = hint.Program
)

// The reasons for a missing key; test for them with errors.Is.
var (
	// ErrNoKey means that the keychain works but does not contain a key yet.
	ErrNoKey = errors.New("has no key yet")
	// ErrTimeout means that the program did not finish in time. It probably waits for the
	// user to unlock the keychain.
	ErrTimeout = fmt.Errorf("did not respond within %v (is it locked?)", runTimeout)
	// ErrBadKey means that the item at our address is not a key of this program.
	ErrBadKey = errors.New("has an entry that is not a 32-byte key")
)

// Keychain is a helper program that stores the key.
type Keychain struct {
	env   env.Set
	name  string
	lock  string
	limit time.Duration // of one run: runTimeout
}

// New returns the keychain with the program docker-credential-NAME. It looks for the
// program in the absolute entries of PATH, and runs it with e except for AWS keys and tokens.
// A name with a path separator matches no program.
// Without a name, it selects the program like Docker: osxkeychain on macOS, wincred on
// Windows, elsewhere pass if installed, otherwise secretservice. lock is the lock file for
// the creation of a key, or empty for none.
func New(e env.Set, name, lock string) *Keychain {
	if name == "" {
		name = platformDefault(e, runtime.GOOS)
	}
	return &Keychain{env: e, name: name, lock: lock, limit: runTimeout}
}

func platformDefault(e env.Set, goos string) string {
	switch goos {
	case "darwin":
		return "osxkeychain"
	case "windows":
		return "wincred"
	}
	if _, err := programs.Find(e, "pass"); err == nil {
		return "pass"
	}
	return "secretservice"
}

// Program returns the name of the helper program.
func (k *Keychain) Program() string { return hint.HelperPrefix + k.name }

// Key returns the key. If the keychain contains no key, Key creates one within 6 seconds:
// it looks for the key, waits for another process that creates one, stores the key and reads
// it back. An error names the program and never contains its output.
func (k *Keychain) Key(ctx context.Context) (secret.Secret, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*k.limit, ErrTimeout)
	defer cancel()
	key, err := k.Look(ctx)
	if !errors.Is(err, ErrNoKey) {
		return key, err
	}
	// Without a lock, two processes that create a key simultaneously would lose each other's
	// entries.
	if k.lock != "" {
		wait, cancel := context.WithTimeout(ctx, k.limit)
		defer cancel()
		if held, err := safefile.Lock(wait, k.lock); err == nil {
			defer held.Unlock()
		}
		if key, err = k.Look(ctx); !errors.Is(err, ErrNoKey) {
			return key, err
		}
	}
	return k.create(ctx)
}

// Look returns the key, or ErrNoKey if there is none. It does not create a key.
func (k *Keychain) Look(ctx context.Context) (secret.Secret, error) {
	r := &run{k: k, ctx: ctx}
	got, err := client.Get(r.program, item)
	if err != nil {
		return secret.Secret{}, r.describe(err)
	}
	if got.Username == "" && got.Secret == "" {
		// docker-credential-pass 0.6 (Debian) returns this if the item does not exist.
		return secret.Secret{}, fmt.Errorf("%s %w", k.Program(), ErrNoKey)
	}
	key, err := base64.StdEncoding.DecodeString(got.Secret)
	if err != nil || len(key) != keySize {
		return secret.Secret{}, fmt.Errorf("%s %w", k.Program(), ErrBadKey)
	}
	return secret.New(string(key)), nil
}

// create stores a new key in the keychain and reads it back. If the keychain did not save
// the key, every entry would be lost.
func (k *Keychain) create(ctx context.Context) (secret.Secret, error) {
	var key [keySize]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	r := &run{k: k, ctx: ctx}
	err := client.Store(r.program, &credentials.Credentials{
		ServerURL: item, Username: user, Secret: base64.StdEncoding.EncodeToString(key[:]),
	})
	if err != nil {
		return secret.Secret{}, r.describe(err)
	}
	kept, err := k.Look(ctx)
	if err == nil && !kept.Equal(secret.New(string(key[:]))) {
		err = fmt.Errorf("%s did not save the key", k.Program())
	}
	if err != nil {
		return secret.Secret{}, err
	}
	return kept, nil
}

// maxOutput far exceeds the JSON size of a login with a 44-character key.
const maxOutput = 16 << 10

// run is one run of the program. It replaces the client package's runner, which has no
// timeout, shares our stderr, and looks for the program in all PATH entries.
type run struct {
	k     *Keychain
	ctx   context.Context
	verb  string
	input io.Reader
	err   error // how the program ended; the client package's error contains its output
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

// output runs the program. It discards the program's stderr, which may contain anything,
// because our stderr is for the user.
func (r *run) output() ([]byte, error) {
	path, err := programs.Find(r.k.env, r.k.Program())
	if err != nil {
		return nil, notInstalled(r.k.Program())
	}
	ctx, cancel := context.WithTimeoutCause(r.ctx, r.k.limit, ErrTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, r.verb)
	cmd.Env = programs.WithoutSecrets(programs.Environ(r.k.env))
	cmd.Stdin = r.input
	out := &programs.Output{Max: maxOutput}
	cmd.Stdout = out
	// The pass helper starts shell scripts and gpg. The group ends them all.
	programs.Group(cmd)
	cmd.WaitDelay = time.Second // for a remaining process that holds the pipe, and for this one to read it on a busy machine
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
	errNotInstalled = errors.New("is not on PATH")
	errTooMuch      = errors.New("printed too much output")
)

// notInstalled returns the error for a program that is not in PATH, with its package names.
func notInstalled(program string) error {
	from := ""
	switch program {
	case hint.HelperPrefix + "pass", hint.HelperPrefix + "secretservice":
		from = " (Debian and Ubuntu have it in the package golang-docker-credential-helpers)"
	case hint.HelperPrefix + "osxkeychain":
		from = " (Docker Desktop and Homebrew's docker-credential-helper have it)"
	case hint.HelperPrefix + "wincred":
		from = " (Docker Desktop has it)"
	}
	return fmt.Errorf("%w%s", errNotInstalled, from)
}

// describe returns the error for a call. It does not use the client package's error,
// because that error contains the program's output.
func (r *run) describe(err error) error {
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
