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

	// patience is for one run of the program. A keychain that asks a person to
	// unlock it takes longer; a pull must not wait for that.
	patience = 3 * time.Second
	// making is for a key that has yet to be made: looking, waiting for another who
	// makes one, storing it and looking again.
	making = 2 * patience

	// item is the address under which the key lies, as helpers want one. The
	// domain is one that nobody can own (RFC 2606), so that no client ever asks
	// for a login to it.
	item = "https://docker-credential-ecr-sso.invalid/token-cache-key"
	// user says what the item is, to whoever looks into the keychain.
	user = hint.Program

	prefix = "docker-credential-"
)

// Why there is no key; for errors.Is.
var (
	// ErrNoKey: the keychain works and holds no key yet.
	ErrNoKey = errors.New("holds no key yet")
	// ErrTimeout: the program did not end in time, which is what a keychain does
	// that waits for a person to unlock it.
	ErrTimeout = fmt.Errorf("did not answer within %v (is it locked?)", patience)
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
		name = platforms(e, runtime.GOOS)
	}
	return &Keychain{env: e, name: name, lock: lock}
}

func platforms(e env.Set, goos string) string {
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
	ctx, cancel := context.WithTimeoutCause(ctx, making, ErrTimeout)
	defer cancel()
	key, err := k.Look(ctx)
	if !errors.Is(err, ErrNoKey) {
		return key, err
	}
	// Two that make a key at once would each lose the other's entries.
	if k.lock != "" {
		wait, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if held, err := safefile.Lock(wait, k.lock); err == nil {
			defer held.Unlock()
		}
		if key, err = k.Look(ctx); !errors.Is(err, ErrNoKey) {
			return key, err
		}
	}
	return k.make(ctx)
}

// Look returns the key, or ErrNoKey: it makes none.
func (k *Keychain) Look(ctx context.Context) (secret.Secret, error) {
	r := &run{k: k, ctx: ctx}
	got, err := client.Get(r.program, item)
	if err != nil {
		return secret.Secret{}, r.fault(err)
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

// make puts a new key into the keychain, and believes it once it comes back: a
// keychain that forgets would make every entry a lost one.
func (k *Keychain) make(ctx context.Context) (secret.Secret, error) {
	var key [KeySize]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	r := &run{k: k, ctx: ctx}
	err := client.Store(r.program, &credentials.Credentials{
		ServerURL: item, Username: user, Secret: base64.StdEncoding.EncodeToString(key[:]),
	})
	if err != nil {
		return secret.Secret{}, r.fault(err)
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
