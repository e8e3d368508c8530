package awscache

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

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// herd is the number of processes. `make herd` starts more; here each one initializes the
// race detector.
const herd = 8

// strict is a token service in a directory. A refresh token is a file, and using it means
// renaming the file, which succeeds in only one process.
type strict struct {
	dir  string
	all  bool  // respond only after all processes have called
	busy error // the lock was held for 12 s, which excuses a call on a slow machine
	won  bool  // got the new token
}

// end lets the refused processes continue, after the token file is written. They do not read
// the file while they wait: on Windows, it cannot be replaced while a process has it open.
func (s *strict) end() error {
	if !s.won {
		return nil
	}
	return os.WriteFile(filepath.Join(s.dir, "done"), nil, 0o600)
}

// request records the call and uses the refresh token. It does not limit its waits: the
// test's time limit does.
func (s *strict) request(_ context.Context, t Token) (Grant, error) {
	if s.busy == nil {
		if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprint("call-", os.Getpid())), nil, 0o600); err != nil {
			return Grant{}, err
		}
	}
	for s.all && s.count("call-*") < herd {
		time.Sleep(time.Millisecond)
	}
	next := t.RefreshToken.Reveal() + "x"
	if os.Rename(filepath.Join(s.dir, "valid-"+t.RefreshToken.Reveal()), filepath.Join(s.dir, "spent")) != nil {
		for s.count("done") == 0 {
			time.Sleep(time.Millisecond)
		}
		return Grant{}, errRefused
	}
	s.won = true
	return Grant{AccessToken: secret.New("AT-" + next), ExpiresIn: time.Hour, RefreshToken: secret.New(next)}, nil
}

func (s strict) count(pattern string) int {
	files, _ := filepath.Glob(filepath.Join(s.dir, pattern))
	return len(files)
}

// saved reports whether the token file contains the refresh token.
func (s strict) saved(refresh string) bool {
	token, err := ReadToken(filepath.Join(s.dir, "token.json"))
	return err == nil && token.RefreshToken.Reveal() == refresh
}

// Many processes share one single-use refresh token, and all get the new token. With locks,
// only one process calls the service. Without locks, all of them call it, and the refused
// ones find the new token in the file.
func TestRefreshOnceForManyProcesses(t *testing.T) {
	if dir := os.Getenv("SSOTOKEN_TEST_HERD"); dir != "" {
		lockless := os.Getenv("SSOTOKEN_TEST_LOCKLESS") != ""
		lock := filepath.Join(dir, "locks", "l")
		if lockless {
			lock = ""
		}
		s := &strict{dir: dir, all: lockless}
		got, err := RefreshToken(t.Context(), RefreshOptions{
			Path: filepath.Join(dir, "token.json"), LockPath: lock,
			Now: func() time.Time { return expiry }, Request: s.request,
			Warn: func(err error) {
				if errors.Is(err, safefile.ErrLockBusy) {
					s.busy = err
				}
			},
		})
		fmt.Printf("result: %s %v\n", got.AccessToken.Reveal(), errors.Join(err, s.end()))
		return
	}
	t.Run("with locks", func(t *testing.T) { refreshHerd(t, "", 1) })
	t.Run("without locks", func(t *testing.T) { refreshHerd(t, "1", herd) })
}

func refreshHerd(t *testing.T, lockless string, calls int) {
	dir := t.TempDir()
	path := filepath.Join(dir, "token.json")
	for name, content := range map[string]string{path: cliFile, filepath.Join(dir, "valid-RT"): ""} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if lockless != "" {
		if err := os.Mkdir(besideLock(path), 0o700); err != nil { // makes the lock unavailable
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range herd {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestRefreshOnceForManyProcesses$")
			cmd.Env = append(os.Environ(), "SSOTOKEN_TEST_HERD="+dir, "SSOTOKEN_TEST_LOCKLESS="+lockless)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "result: AT-RTx <nil>") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	s := strict{dir: dir}
	if n := s.count("call-*"); n != calls || s.count("spent") != 1 || !s.saved("RTx") {
		t.Errorf("%d processes called the service, want %d; the new token is in the file: %v", n, calls, s.saved("RTx"))
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
