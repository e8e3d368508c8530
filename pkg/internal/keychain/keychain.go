// Package keychain owns one small item in the platform's keychain: the 32-byte key
// that the token cache encrypts its entries with when the settings say
// cache = "keychain". It reaches the keychain through docker-credential-helpers'
// own programs (docker-credential-pass, -secretservice, -osxkeychain, -wincred).
//
// It never keeps the key anywhere else, never replaces an item that it does not
// understand, never shows what a program printed, and never waits for one longer
// than 3 seconds. It may import floors 0 and 1 and the client package of
// docker-credential-helpers (floor 2). credhelper hands its key to tokencache;
// doctor looks whether it can be had.
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
	// KeySize is the length of the key in bytes, that of AES-256.
	KeySize = 32

	// runTimeout limits one run of the program. A keychain that asks the user to unlock it
	// takes longer, and a pull must not wait for that.
	runTimeout = 3 * time.Second
	// createTimeout limits the creation of a key: look it up, wait for another process that
	// creates one, store it and look it up again.
	createTimeout = 2 * runTimeout

	// item is the address under which the key lies, as helpers want one. The
	// domain is one that nobody can own (RFC 2606), so that no client ever asks
	// for a login to it.
	item = "https://docker-credential-ecr-sso.invalid/token-cache-key"
	// user says what the item is, to whoever looks into the keychain.
	user = hint.Program

	prefix = "docker-credential-"
)

// The reasons why there is no key; test for them with errors.Is.
var (
	// ErrNoKey: the keychain works and holds no key yet.
	ErrNoKey = errors.New("holds no key yet")
	// ErrTimeout: the program did not end in time, which is what a keychain does
	// that waits for a person to unlock it.
	ErrTimeout = fmt.Errorf("did not answer within %v (is it locked?)", runTimeout)
	// ErrBadKey: what the keychain holds under our address is no key of ours.
	ErrBadKey = errors.New("holds something that is no key of 32 bytes")
)

// Keychain is a helper program that holds, or will hold, the key.
type Keychain struct {
	env  env.Set
	name string
	lock string
}

// New returns the keychain whose program is docker-credential-NAME, found in the
// absolute entries of PATH; a name that makes it a path finds none. Without a name
// it is the platform's, chosen as Docker chooses it: osxkeychain on macOS, wincred
// on Windows, elsewhere pass if that is installed, or else secretservice. lock is
// the file that processes queue at before they make a key, "" for none.
func New(e env.Set, name, lock string) *Keychain {
	if name == "" {
		name = platformDefault(e, runtime.GOOS)
	}
	return &Keychain{env: e, name: name, lock: lock}
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

// Program is the name of the helper program.
func (k *Keychain) Program() string { return prefix + k.name }

// Key returns the key, and makes one when the keychain holds none, within 6 seconds
// in all. An error names the program and never repeats its output.
func (k *Keychain) Key(ctx context.Context) (secret.Secret, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, createTimeout, ErrTimeout)
	defer cancel()
	key, err := k.Look(ctx)
	if !errors.Is(err, ErrNoKey) {
		return key, err
	}
	// Two processes that create a key at once would lose each other's entries.
	if k.lock != "" {
		wait, cancel := context.WithTimeout(ctx, runTimeout)
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

// Look returns the key, or ErrNoKey: it makes none.
func (k *Keychain) Look(ctx context.Context) (secret.Secret, error) {
	r := &run{k: k, ctx: ctx}
	got, err := client.Get(r.program, item)
	if err != nil {
		return secret.Secret{}, r.describe(err)
	}
	if got.Username == "" && got.Secret == "" {
		// docker-credential-pass 0.6, which Debian has, for what is not there.
		return secret.Secret{}, fmt.Errorf("%s %w", k.Program(), ErrNoKey)
	}
	key, err := base64.StdEncoding.DecodeString(got.Secret)
	if err != nil || len(key) != KeySize {
		return secret.Secret{}, fmt.Errorf("%s %w", k.Program(), ErrBadKey)
	}
	return secret.New(string(key)), nil
}

// create stores a new key in the keychain and reads it back: with a keychain that does
// not save it, every entry would be lost.
func (k *Keychain) create(ctx context.Context) (secret.Secret, error) {
	var key [KeySize]byte
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
		err = fmt.Errorf("%s did not keep the key that it was given", k.Program())
	}
	if err != nil {
		return secret.Secret{}, err
	}
	return kept, nil
}

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
		return nil, notInstalled(r.k.Program())
	}
	ctx, cancel := context.WithTimeoutCause(r.ctx, runTimeout, ErrTimeout)
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
	errNotInstalled = errors.New("is not on PATH")
	errTooMuch      = errors.New("printed more than a login")
)

// notInstalled returns the error for a program that is not on PATH, with its packages.
func notInstalled(program string) error {
	from := ""
	switch program {
	case prefix + "pass", prefix + "secretservice":
		from = " (Debian and Ubuntu have it in the package golang-docker-credential-helpers)"
	case prefix + "osxkeychain":
		from = " (Docker Desktop and Homebrew's docker-credential-helper have it)"
	case prefix + "wincred":
		from = " (Docker Desktop has it)"
	}
	return fmt.Errorf("%w%s", errNotInstalled, from)
}

// describe returns the error of a call. The client package's own error is not used,
// because it repeats the program's output.
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
