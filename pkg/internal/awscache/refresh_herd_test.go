package awscache

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// strict is a token service in a directory. A refresh token is a file, and using it means
// renaming the file, which succeeds in only one process.
type strict string

func (s strict) request(_ context.Context, t Token) (Grant, error) {
	name := filepath.Join(string(s), "valid-"+t.RefreshToken.Reveal())
	if err := os.Rename(name, filepath.Join(string(s), fmt.Sprintf("spent-%d-%d", os.Getpid(), time.Now().UnixNano()))); err != nil {
		return Grant{}, errRefused
	}
	time.Sleep(30 * time.Millisecond) // the duration of a network call
	next := t.RefreshToken.Reveal() + "x"
	if err := os.WriteFile(filepath.Join(string(s), "valid-"+next), nil, 0o600); err != nil {
		return Grant{}, err
	}
	return Grant{AccessToken: secret.New("AT-" + next), ExpiresIn: time.Hour, RefreshToken: secret.New(next)}, nil
}

// Many processes share one single-use refresh token. One of them uses it, and all get the
// new token.
func TestRefreshOnceForManyProcesses(t *testing.T) {
	if dir := os.Getenv("SSOTOKEN_TEST_HERD"); dir != "" {
		lock := filepath.Join(dir, "locks", "l")
		if os.Getenv("SSOTOKEN_TEST_LOCKLESS") != "" {
			lock = ""
		}
		got, err := RefreshToken(t.Context(), RefreshOptions{
			Path: filepath.Join(dir, "token.json"), LockPath: lock,
			Now: func() time.Time { return expiry }, Request: strict(dir).request,
		})
		fmt.Printf("result: %s %v\n", got.AccessToken.Reveal(), err)
		return
	}
	t.Run("with a lock", func(t *testing.T) { refreshHerd(t, "SSOTOKEN_TEST_LOCKLESS=") })
	t.Run("without a lock", func(t *testing.T) { refreshHerd(t, "SSOTOKEN_TEST_LOCKLESS=1") })
}

func refreshHerd(t *testing.T, setting string) {
	dir := t.TempDir()
	for name, content := range map[string]string{"token.json": cliFile, "valid-RT": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 8 { // `make herd` starts more; here each one initializes the race detector
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestRefreshOnceForManyProcesses$")
			cmd.Env = append(os.Environ(), "SSOTOKEN_TEST_HERD="+dir, setting)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "result: AT-RTx <nil>") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	spent, err := filepath.Glob(filepath.Join(dir, "spent-*"))
	if err != nil || len(spent) != 1 {
		t.Errorf("used %d times, %v", len(spent), err)
	}
	if tok, err := ReadToken(filepath.Join(dir, "token.json")); err != nil || tok.RefreshToken.Reveal() != "RTx" {
		t.Errorf("in the file: %v, %v", tok.RefreshToken.Reveal(), err)
	}
}

// The AWS CLI truncates the file, writes it, and uses no lock. Meanwhile, readers and
// refreshing processes must not fail, and the last refresh token must never be lost.
func TestRefreshWithUnlockedWriter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token.json")
	now := expiry
	if err := os.WriteFile(path, []byte(body("CLI-0", "R-0", now.Add(time.Hour))), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := RefreshToken(context.Background(), RefreshOptions{
					Path: path, LockPath: filepath.Join(dir, "locks", "l"), Now: func() time.Time { return now },
					Request: func(context.Context, Token) (Grant, error) { return grant("OURS", "OURS"), nil },
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	last := ""
	for i := range 100 {
		last = fmt.Sprintf("R-%d", i+1)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Truncate(0)
		time.Sleep(100 * time.Microsecond)
		_, _ = f.WriteString(body(fmt.Sprintf("CLI-%d", i+1), last, now.Add(time.Hour)))
		f.Close()
	}
	close(stop)
	readers.Wait()
	if tok, err := ReadToken(path); err != nil || tok.RefreshToken.Reveal() != last {
		t.Errorf("in the file: %q, %v, want %q", tok.RefreshToken.Reveal(), err, last)
	}
}
