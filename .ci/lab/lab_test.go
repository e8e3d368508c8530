//go:build unix

package lab

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func bench(t *testing.T) *Bench {
	t.Helper()
	b, err := NewBench(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shell returns a function that runs a script on the bench.
func shell(t *testing.T, b *Bench) func(script string, c Call) Result {
	return func(script string, c Call) Result {
		t.Helper()
		c.Program, c.Args = "sh", []string{"-c", script}
		c.Env = append(os.Environ(), c.Env...)
		r, err := b.Run(c)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

func TestRun(t *testing.T) {
	sh := shell(t, bench(t))
	if r := sh("cat; echo err >&2; exit 3", Call{Stdin: "in"}); r.Stdout != "in" || r.Stderr != "err\n" || r.Code != 3 || r.Wall <= 0 || r.MinorFaults <= 0 {
		t.Errorf("%+v", r)
	}
	if r := sh("kill -TERM $$", Call{}); r.Signal != syscall.SIGTERM || r.Code != -1 || r.TimedOut {
		t.Errorf("a signal: %+v", r)
	}
	if r := sh("sleep 60 & sleep 60", Call{Limit: 50 * time.Millisecond}); !r.TimedOut {
		t.Errorf("the limit: %+v", r)
	}
	if r := sh("head -c 50000000 /dev/zero", Call{}); len(r.Stdout) != outputCap {
		t.Errorf("%d bytes of stdout are saved", len(r.Stdout))
	}
	interrupt := func(_ context.Context, pid int) { _ = syscall.Kill(pid, syscall.SIGINT) }
	if r := sh("exec sleep 60", Call{During: interrupt}); r.Signal != syscall.SIGINT {
		t.Errorf("during: %+v", r)
	}
	if r := sh(": </dev/tty", Call{}); r.Code == 0 {
		t.Error("the program has a terminal")
	}
	// MaxRSS measures only the child, even if this process is large.
	ballast := make([]byte, 200<<20)
	for i := 0; i < len(ballast); i += 4096 {
		ballast[i] = 1
	}
	if r := sh("exit $0", Call{}); r.MaxRSS < 100<<10 || r.MaxRSS > 50<<20 {
		t.Errorf("the largest resident size of a shell is %d", r.MaxRSS)
	}
	_ = ballast[0]
}

func TestGate(t *testing.T) {
	sh := shell(t, bench(t))
	gate, err := NewGate()
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	done := make(chan Result)
	for range 3 {
		go func() { done <- sh("echo here", Call{Gate: gate}) }()
	}
	select {
	case r := <-done:
		t.Errorf("the gate is closed: %+v", r)
	case <-time.After(50 * time.Millisecond):
	}
	if err := gate.Open(3); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if r := <-done; r.Stdout != "here\n" {
			t.Errorf("after the gate: %+v", r)
		}
	}
}

func TestLeaks(t *testing.T) {
	const secret = "s3cr3t/with+signs&more"
	for form, text := range map[string]string{
		"raw": "x" + secret + "x", "hex": hex.EncodeToString([]byte("s3cr3t/with+signs&more")),
		"base64": base64.RawStdEncoding.EncodeToString([]byte(secret)), "escaped": "?a=s3cr3t%2Fwith%2Bsigns%26more",
	} {
		if !awstest.Leaks([]string{"other", secret}, text) {
			t.Errorf("%s: not found", form)
		}
	}
	if awstest.Leaks([]string{secret}, "s3cr3t") {
		t.Error("a part of a secret is reported")
	}
}

func TestScanFiles(t *testing.T) {
	fake, err := NewAWS(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	w, err := NewWorld(fake, filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	token := w.SignIn()
	if found := awstest.ScanFiles(w.Home, fake.Secrets()); len(found) > 0 {
		t.Error(found)
	}
	for _, spoil := range []struct{ path, mode string }{
		{"notes", "a secret in"}, {".aws/sso/cache/.tmp-docker-credential-ecr-sso-0123456789abcdef", "a secret in"}, {".aws/sso/cache/open.json", "mode -rw-r--r--"},
	} {
		path := w.Path(filepath.FromSlash(spoil.path))
		if err := os.WriteFile(path, []byte(token.RefreshToken), 0o644); err != nil {
			t.Fatal(err)
		}
		found := awstest.ScanFiles(w.Home, fake.Secrets())
		if len(found) != 1 || !strings.Contains(found[0].Error(), spoil.mode) {
			t.Errorf("%s: %v", spoil.path, found)
		}
		os.Remove(path)
	}
}
