//go:build programs && linux

package keychain

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// These tests use the real keychains that run without a screen: pass, with a key without
// a passphrase, and gnome-keyring, with a separate D-Bus. Debian provides both (pass,
// gnome-keyring, dbus, golang-docker-credential-helpers).

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// makeTwice checks that a second process gets the key that the first process created.
func makeTwice(t *testing.T, name string) {
	t.Helper()
	lock := filepath.Join(t.TempDir(), "lock")
	if _, err := newForSlowMachine(env.FromOS(), name, lock).Look(t.Context()); !errors.Is(err, ErrNoKey) {
		t.Fatalf("at first: %v", err)
	}
	made, err := newForSlowMachine(env.FromOS(), name, lock).Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := newForSlowMachine(env.FromOS(), name, "").Key(t.Context())
	if err != nil || !again.Equal(made) || len(made.Reveal()) != keySize {
		t.Errorf("again: the same %v, %d bytes, %v", again.Equal(made), len(made.Reveal()), err)
	}
}

func TestProgramsPass(t *testing.T) {
	home, err := os.MkdirTemp("", "gpg") // the agent's socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	t.Setenv("GNUPGHOME", home)
	t.Setenv("PASSWORD_STORE_DIR", filepath.Join(home, "store"))
	if _, err := New(env.FromOS(), "pass", "").Key(t.Context()); err == nil {
		t.Error("a key from a store that was never set up")
	}
	command(t, "gpg", "--batch", "--passphrase", "", "--quick-generate-key", "test@example.com", "future-default") // no RSA, which is slow to generate
	command(t, "pass", "init", "test@example.com")
	makeTwice(t, "")
}

const inside = "KEYCHAIN_TEST_INSIDE"

func TestProgramsGnomeKeyring(t *testing.T) {
	switch os.Getenv(inside) {
	case "unlocked":
		makeTwice(t, "secretservice")
		return
	case "locked":
		if _, err := New(env.FromOS(), "secretservice", "").Key(t.Context()); err == nil || errors.Is(err, ErrNoKey) {
			t.Errorf("a key from a locked keyring: %v", err)
		}
		return
	}
	for state, daemon := range map[string]string{
		"unlocked": "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null",
		"locked":   "gnome-keyring-daemon --start --components=secrets >/dev/null </dev/null",
	} {
		t.Run(state, func(t *testing.T) {
			home := t.TempDir()
			cmd := exec.Command("dbus-run-session", "--", "sh", "-c", daemon+"; exec \"$0\" -test.run '^TestProgramsGnomeKeyring$' -test.v", os.Args[0])
			cmd.Env = append(os.Environ(), inside+"="+state, "HOME="+home, "XDG_DATA_HOME="+home+"/data", "XDG_RUNTIME_DIR="+home, "DISPLAY=")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestProgramsWithoutDBus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := New(env.FromOS(), "secretservice", "").Key(t.Context()); err == nil || errors.Is(err, ErrNoKey) {
		t.Errorf("a key without a bus: %v", err)
	}
}
