package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These are the streams that a client may pass to a get (question.stream).

func stdinFile(text string) func(*testing.T, *exec.Cmd) func() {
	return func(t *testing.T, cmd *exec.Cmd) func() {
		path := filepath.Join(t.TempDir(), "question")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = f
		return func() { f.Close() }
	}
}

func stdinDir(t *testing.T, cmd *exec.Cmd) func() {
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = f
	return func() { f.Close() }
}

// through closes a stream in a shell, because package exec cannot.
func through(cmd *exec.Cmd, script string) {
	cmd.Args = []string{"sh", "-c", "exec " + cmd.Path + " get " + script}
	cmd.Path = "/bin/sh"
}

func stdinClosed(_ *testing.T, cmd *exec.Cmd) func()  { through(cmd, "<&-"); return func() {} }
func stdoutClosed(_ *testing.T, cmd *exec.Cmd) func() { through(cmd, ">&-"); return func() {} }

func stdinOpen(text string) func(*testing.T, *exec.Cmd) func() {
	return func(t *testing.T, cmd *exec.Cmd) func() {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = r
		_, _ = w.WriteString(text)
		t.Cleanup(func() { w.Close() })
		return func() { r.Close() }
	}
}

func stdinLate(by time.Duration) func(*testing.T, *exec.Cmd) func() {
	return func(t *testing.T, cmd *exec.Cmd) func() {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = r
		_, _ = w.WriteString(host[:20])
		return func() {
			r.Close()
			time.Sleep(by)
			_, _ = w.WriteString(host[20:])
			w.Close()
		}
	}
}

func stdoutTo(path string, flag int) func(*testing.T, *exec.Cmd) func() {
	return func(t *testing.T, cmd *exec.Cmd) func() {
		f, err := os.OpenFile(path, flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = f
		return func() { f.Close() }
	}
}

func stdoutFile(t *testing.T, cmd *exec.Cmd) func() {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = f
	return func() {
		t.Cleanup(func() {
			data, _ := os.ReadFile(f.Name())
			if !strings.HasSuffix(string(data), "\"}\n") {
				t.Errorf("the file contains %q", data)
			}
			f.Close()
		})
	}
}

func stdoutBroken(t *testing.T, cmd *exec.Cmd) func() {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd.Stdout = w
	return func() { w.Close() }
}

// narrowPipe returns a pipe with room for 4 KB, which is less than a long answer. Writes to it
// do not wait.
func narrowPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	fds := make([]int, 2)
	if err := syscall.Pipe2(fds, syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	const setPipeSize = 1031
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(fds[1]), setPipeSize, 4096)
	return os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
}

// stdoutCut closes the reading end of stdout after a part of the answer, which is longer
// than the pipe.
func stdoutCut(t *testing.T, cmd *exec.Cmd) func() {
	r, w := narrowPipe(t)
	cmd.Stdout = w
	return func() {
		_ = w.Close()
		if n, err := r.Read(make([]byte, 100)); n != 100 {
			t.Errorf("%d bytes, %v", n, err)
		}
		_ = r.Close()
	}
}

// After a part of the answer, both paths report the same error.
func TestWarmReportsCutAnswer(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	login := `{"ServerURL":"` + host + `","Username":"AWS","Secret":"` + strings.Repeat("A", 20_000) + `"}`
	if w := (question{args: []string{"store"}, text: login}).run(t, s); w.Stdout != "" {
		t.Fatalf("got %+v", w)
	}
	if (question{text: host}).run(t, s); !(question{text: host}).run(t, s).warm {
		t.Fatal("not a warm answer")
	}
	w := s.bothWays(t, question{text: host, stream: stdoutCut})
	if w.Status != "exit status 1" || !strings.Contains(w.Stderr, "stdout: broken pipe") {
		t.Errorf("got %+v", w)
	}
}

// Streams that fail or block have the same effect with and without warm.
func TestWarmStreams(t *testing.T) {
	t.Parallel()
	checkWaysApart(t, false, map[string]func(*testing.T, *stage) question{
		"full stdout":             ask(question{text: host, stream: stdoutTo("/dev/full", os.O_WRONLY)}),
		"read-only stdout":        ask(question{text: host, stream: stdoutTo("/dev/null", os.O_RDONLY)}),
		"closed stdout":           ask(question{text: host, stream: stdoutClosed}),
		"stdout without a reader": ask(question{text: host, stream: stdoutBroken}),
		"stdin is a directory":    ask(question{stream: stdinDir}),
		"stdin is closed":         ask(question{stream: stdinClosed}),
		"late stdin":              ask(question{stream: stdinLate(3 * time.Second)}),
	})
}

// These wait for 5 s in both ways. As tests of their own they start before the scripts.

func TestWarmWithOpenStdin(t *testing.T) { checkOpenStdin(t, host+"\n") }

func TestWarmWithOpenStdinAndPartOfLine(t *testing.T) { checkOpenStdin(t, host) }

func TestWarmWithOpenStdinWithoutInput(t *testing.T) { checkOpenStdin(t, "") }

func checkOpenStdin(t *testing.T, text string) {
	t.Parallel()
	checkWays(t, false, map[string]func(*testing.T, *stage) question{"": ask(question{stream: stdinOpen(text)})})
}
