//go:build unix

package keychain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// newForSlowMachine returns a keychain whose program may take minutes, as on a busy machine.
func newForSlowMachine(e env.Set, name, lock string) *Keychain {
	k := New(e, name, lock)
	k.limit = 5 * time.Minute
	return k
}

// fake puts a program docker-credential-NAME into a separate PATH. It is a shell script.
// script contains its cases for get and store. $STORE is the file for its item.
func fake(t *testing.T, script string) (*Keychain, string) {
	t.Helper()
	dir := t.TempDir()
	store := filepath.Join(dir, "drawer")
	writeProgram(t, dir, "#!/bin/sh\nSTORE="+store+"\nDIR="+dir+"\n"+script)
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-of-the-environment")
	return newForSlowMachine(env.FromOS(), "fake", filepath.Join(dir, "lock")), dir
}

// writeProgram writes docker-credential-fake.
func writeProgram(t *testing.T, dir, text string) {
	t.Helper()
	if err := awstest.WriteProgram(filepath.Join(dir, "docker-credential-fake"), []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// honest is a script that stores its input, like the real programs.
const honest = `
case $1 in
get) [ -f $STORE ] || { echo 'credentials not found in native keychain'; exit 1; }; cat $STORE ;;
store) echo x >>$DIR/stores; sed 's/^{/{/' >$STORE.new; mv $STORE.new $STORE ;;
esac
`

func TestKeyIsCreatedOnceAndReused(t *testing.T) {
	k, dir := fake(t, honest)
	if _, err := k.Look(t.Context()); !errors.Is(err, ErrNoKey) {
		t.Errorf("an empty keychain: %v", err)
	}
	keys := make([]string, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := k.Key(t.Context())
			if err != nil {
				t.Error(err)
			}
			keys[i] = key.Reveal()
		})
	}
	wg.Wait()
	for _, key := range keys {
		if len(key) != keySize || key != keys[0] {
			t.Errorf("keys of %d and %d bytes, the same: %v", len(keys[0]), len(key), key == keys[0])
		}
	}
	if stores, _ := os.ReadFile(filepath.Join(dir, "stores")); string(stores) != "x\n" {
		t.Errorf("stored %d times", len(stores)/2)
	}
}

// keychainCanary is in the output of each hostile keychain.
const keychainCanary = "canary-of-the-keychain"

func printLogin(secret string) string {
	return fmt.Sprintf(`echo '{"ServerURL":"x","Username":"%s","Secret":"%s"}'`, keychainCanary, secret)
}

// hostileKeychains are the test cases of TestHostileKeychains.
var hostileKeychains = map[string]struct {
	script, says string
	is           error
	limit        time.Duration // of one run; 0: minutes
}{
	"exits 1":                        {"echo " + keychainCanary + "; echo " + keychainCanary + " >&2; exit 1", "ended with status 1", nil, 0},
	"exits 1 in silence":             {"exit 1", "ended with status 1", nil, 0},
	"is killed":                      {"kill -9 $$", "ended with status -1", nil, 0},
	"prints nothing":                 {"", "printed no login", nil, 0},
	"prints garbage":                 {`printf '\377\000' ; echo ` + keychainCanary, "printed no login", nil, 0},
	"prints null":                    {"echo null", "has no key yet", ErrNoKey, 0},
	"prints an empty secret":         {printLogin(""), "not a 32-byte key", ErrBadKey, 0},
	"prints another length":          {printLogin("Y2FuYXJ5LW9mLXRoZS1rZXljaGFpbg=="), "not a 32-byte key", ErrBadKey, 0},
	"prints text that is not base64": {printLogin(keychainCanary + "!"), "not a 32-byte key", ErrBadKey, 0},
	"prints without end":             {"yes " + keychainCanary, "", nil, time.Second / 4},
	"hangs":                          {"echo " + keychainCanary + "; exec sleep 600", "did not respond within 3s", ErrTimeout, time.Second / 4},
	"is slow each time":              {"sleep 0.8; echo 'credentials not found in native keychain'; exit 1", "did not respond within 3s", ErrTimeout, time.Second},
	"leaves a child with a pipe":     {"sleep 600 & echo $! >$DIR/child; exit 1", "", nil, 0},
	"finds nothing, keeps none":      {`case $1 in get) echo 'credentials not found in native keychain'; exit 1;; esac`, "has no key yet", ErrNoKey, 0},
	"finds nothing, fails a store":   {`case $1 in get) echo 'credentials not found in native keychain'; exit 1;; esac; echo ` + keychainCanary + `; exit 1`, "ended with status 1", nil, 0},
	"keeps another key": {`case $1 in
		get) [ -f $STORE ] || { echo 'credentials not found in native keychain'; exit 1; }
		     echo '{"Secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}' ;;
		store) cat >$STORE ;; esac`, "did not save the key", nil, 0},
}

// For every keychain fault, the error must not contain the program's output, Key must return
// no key, and another program's item must be unchanged.
func TestHostileKeychains(t *testing.T) {
	for name, c := range hostileKeychains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, dir := fakeApart(t, c.script)
			t.Cleanup(func() { endChild(dir) })
			if c.limit > 0 {
				k.limit = c.limit
			}
			before := time.Now()
			key, err := k.Key(t.Context())
			if err == nil || !key.Empty() {
				t.Fatalf("a key of %d bytes, %v", len(key.Reveal()), err)
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "docker-credential-fake ") {
				t.Errorf("error %v", err)
			}
			if strings.Contains(err.Error(), keychainCanary) {
				t.Errorf("repeats what the program printed: %v", err)
			}
			// A longer time means that Key waited for a program, which sleeps for ten minutes.
			if took := time.Since(before); took > 4*time.Minute {
				t.Errorf("took %v", took)
			}
			if _, err := os.Stat(filepath.Join(dir, "stores")); err == nil {
				t.Error("the item was replaced")
			}
		})
	}
}

// Look has no other limit than that of one run, unlike Key. Without it, a login would wait
// until the user unlocks the keychain. The program would print a key later.
func TestOneRunIsLimited(t *testing.T) {
	k, _ := fakeApart(t, "sleep 20; "+printLogin("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))
	if New(k.env, k.name, "").limit != runTimeout {
		t.Error("a keychain has another limit")
	}
	k.limit = time.Second / 4
	if key, err := k.Look(t.Context()); !key.Empty() || !errors.Is(err, ErrTimeout) {
		t.Errorf("a key of %d bytes, %v", len(key.Reveal()), err)
	}
}

// endChild ends the process whose id a script has written to a file.
func endChild(dir string) {
	if child, err := os.ReadFile(filepath.Join(dir, "child")); err == nil {
		_ = exec.Command("kill", strings.TrimSpace(string(child))).Run()
	}
}

// fakeApart is fake for parallel tests. It passes the environment instead of setting it.
func fakeApart(t *testing.T, script string) (*Keychain, string) {
	t.Helper()
	dir := t.TempDir()
	writeProgram(t, dir, "#!/bin/sh\nSTORE="+filepath.Join(dir, "drawer")+"\nDIR="+dir+"\n"+script)
	return newForSlowMachine(env.FromMap(map[string]string{"PATH": dir + ":/usr/bin:/bin"}), "fake", filepath.Join(dir, "lock")), dir
}

func TestInterruptEndsWait(t *testing.T) {
	k, dir := fakeApart(t, "echo $$ >$DIR/pid; exec sleep 600")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		for {
			if pid, err := os.ReadFile(filepath.Join(dir, "pid")); err == nil && len(pid) > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		cancel(errors.New("interrupted"))
	}()
	_, err := k.Key(ctx)
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("error %v", err)
	}
	pid, _ := os.ReadFile(filepath.Join(dir, "pid"))
	if exec.Command("kill", "-0", strings.TrimSpace(string(pid))).Run() == nil {
		t.Error("the program still runs")
	}
}

func TestProgramGetsNoSecretOfEnvironment(t *testing.T) {
	k, dir := fake(t, "env >$DIR/env; echo \"$@\" >$DIR/argv; "+honest)
	t.Setenv("AWS_PROFILE", "of-the-process")
	k.env = env.FromList(append(k.env.List(), "PATH=:.:"+os.Getenv("PATH"), "AWS_PROFILE=of-the-caller"))
	key, err := k.Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen, _ := os.ReadFile(filepath.Join(dir, "env"))
	args, _ := os.ReadFile(filepath.Join(dir, "argv"))
	if strings.Contains(string(seen), "canary") || strings.Contains(string(seen), "PATH=:") || !strings.Contains(string(seen), "HOME=") ||
		!strings.Contains(string(seen), "AWS_PROFILE=of-the-caller\n") {
		t.Errorf("environment:\n%s", seen)
	}
	if string(args) != "get\n" || strings.Contains(string(seen), key.Reveal()) {
		t.Errorf("arguments: %s", args)
	}
}

func TestWorkingDirectoryIsNotSearched(t *testing.T) {
	_, dir := fake(t, honest)
	t.Chdir(dir)
	for _, path := range []string{"", ".", ":.", dir + "/nowhere::"} {
		k := New(env.FromMap(map[string]string{"PATH": path}), "fake", "")
		if _, err := k.Key(t.Context()); !errors.Is(err, errNotInstalled) {
			t.Errorf("PATH=%q: %v", path, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "docker-credential-"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/../docker-credential-fake", "../fake", "/fake"} {
		if _, err := New(env.FromOS(), name, "").Key(t.Context()); !errors.Is(err, errNotInstalled) {
			t.Errorf("%q: error %v", name, err)
		}
	}
}
