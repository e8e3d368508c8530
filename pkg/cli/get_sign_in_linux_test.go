package cli

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// dockerGet starts a get like docker push does: stdin and stdout are pipes, and stderr is
// the terminal or a pipe that the client reads. The browser opens and does nothing.
func dockerGet(t *testing.T, s *stage, stderr func(tty *os.File, cmd *exec.Cmd), more ...string) *seat {
	t.Helper()
	if err := os.Remove(s.home.TokenPath("corp")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var out bytes.Buffer
	return sitWith(t, append(append(s.env, "BROWSER=true"), more...), func(cmd *exec.Cmd, tty *os.File) {
		cmd.Stdin, cmd.Stdout = strings.NewReader(host), &out
		// The terminal is not stdin, so that it has a different file descriptor.
		cmd.ExtraFiles, cmd.SysProcAttr = []*os.File{tty}, &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
		stderr(tty, cmd)
	}, "get")
}

func onTerminal(tty *os.File, cmd *exec.Cmd) { cmd.Stderr = tty }

// A get that signs in shows the page, the remaining time and the result. Redrawn lines
// always fit the terminal, even if it has become narrower.
func TestGetShowsSignIn(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	p := dockerGet(t, s, onTerminal)
	p.see("docker-credential-ecr-sso: opening your browser to sign in to SSO session \"corp\"\r\nfor " + host)
	p.see("If it does not show the sign-in page, open:\r\n")
	page := p.until("\x1b[m")
	p.see("Waiting for you to sign in, 0:4")
	if err := pty.Setsize(p.master, &pty.Winsize{Rows: 24, Cols: 30}); err != nil {
		t.Fatal(err)
	}
	p.see(clearLine + "0:")
	p.see(" left to sign in\r" + clearLine)
	for _, line := range strings.Split(p.until("\r"+clearLine), clearLine) {
		if style.Columns(line) >= 30 || strings.Contains(line, "\n") {
			t.Errorf("%q does not fit", line)
		}
	}
	resp, err := (&http.Client{Transport: s.aws.Transport()}).Get(strings.TrimPrefix(page, "\x1b[36m"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	p.see("\x1b[32m✓\x1b[m Signed in to SSO session \"corp\".")
	if status := p.end(); status != 0 || !strings.Contains(p.out(), `"Username":"AWS"`) {
		t.Errorf("exit status %d, %s", status, p.out())
	}
}

// Ctrl-C cancels the sign-in for this client, even if the client calls get again. The
// terminal shows the command.
func TestCtrlCCancelsSignInForClient(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	p := dockerGet(t, s, onTerminal)
	p.see("Waiting for you to sign in")
	p.press("\x03")
	const canceled = "sign-in to SSO session \"corp\" was canceled\r\n  run: docker-credential-ecr-sso login --sso-session corp"
	p.see("\x1b[31m✗\x1b[m " + canceled)
	if status := p.end(); status != 130 {
		t.Errorf("exit status %d", status)
	}
	p = dockerGet(t, s, onTerminal) // from the same process
	p.see(canceled)
	if status := p.end(); status != 1 || strings.Contains(p.seen.String(), "opening") {
		t.Errorf("exit status %d, the terminal shows %q", status, p.seen.String())
	}
	if n := s.aws.Calls("Authorize"); n != 0 {
		t.Errorf("%d pages", n)
	}
}

// A client that was ended by Ctrl-C reads nothing, so the terminal shows the reason.
func TestCtrlCShowsReasonOnTerminal(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	reader, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	p := dockerGet(t, s, func(tty *os.File, cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = stdout, tty })
	p.see("Waiting for you to sign in")
	_ = reader.Close()
	p.press("\x03")
	p.see("sign-in to SSO session \"corp\" was canceled\r\n  run: docker-credential-ecr-sso login --sso-session corp")
	if status := p.end(); status != 130 {
		t.Errorf("exit status %d", status)
	}
}

// A terminal that supports links gets a short line with a link; other terminals get the
// full URL.
func TestGetShortensURLOnlyForLink(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\x1b\]8;;(https://oidc[^\x1b]*code_challenge=[^\x1b]*)\x1b\\\x1b\[36m(https://[^\x1b]*)\.\.\.\x1b\[m\x1b\]8;;\x1b\\\r\n`)
	for name, tc := range map[string]struct {
		set  string
		want bool
	}{"an unknown terminal": {"TERM_PROGRAM=x", false}, "forced": {"FORCE_HYPERLINK=1", true}, "Windows Terminal, in WSL": {"WT_SESSION=x", true}, "no color": {"NO_COLOR=1", false}} {
		t.Run(name, func(t *testing.T) {
			s := newHome(t)
			p := dockerGet(t, s, onTerminal, tc.set)
			p.see("If it does not show the sign-in page, open:")
			shown := p.until("Waiting for")
			found := link.FindStringSubmatch(shown)
			if tc.want != (found != nil) || !tc.want && !strings.Contains(shown, "code_challenge=") {
				t.Errorf("the terminal shows %q", shown)
			}
			if found != nil && style.Columns(found[0])+len("If it does not show the sign-in page, open: ") > 80+len("\r\n") {
				t.Errorf("%q is longer than a line", shown)
			}
			p.press("\x03")
			p.see("was canceled")
			p.end()
		})
	}
}

// A client that reads stderr through a pipe may not show it, so the terminal gets the line.
func TestTerminalShowsErrorIfStderrIsPipe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set    string
		stderr func(*os.File, *exec.Cmd)
		want   bool
	}{
		"pipe":         {"ECR_SSO_LOGIN=never", func(*os.File, *exec.Cmd) {}, true},
		"Node.js pipe": {"ECR_SSO_LOGIN=never", func(_ *os.File, cmd *exec.Cmd) { cmd.Stderr = socket(t) }, true},
		"file":         {"ECR_SSO_LOGIN=never", func(_ *os.File, cmd *exec.Cmd) { cmd.Stderr = null(t) }, false},
		"in CI":        {"CI=true", func(*os.File, *exec.Cmd) {}, false},
		"terminal":     {"ECR_SSO_LOGIN=never", onTerminal, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHome(t)
			p := dockerGet(t, s, tc.stderr, tc.set)
			status := p.end()
			p.drain()
			const line = "not signed in to SSO session \"corp\"\r\n  run: docker-credential-ecr-sso login --sso-session corp"
			want := 0
			if tc.want {
				want = 1
			}
			if n := strings.Count(p.seen.String(), line); status != 1 || n != want {
				t.Errorf("exit status %d, the terminal shows %q", status, p.seen.String())
			}
		})
	}
}

// socket returns a stream like the ones that Node.js creates for child processes.
func socket(t *testing.T) *os.File {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	other, stream := os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket")
	t.Cleanup(func() { _, _ = other.Close(), stream.Close() })
	return stream
}

func null(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// until returns the output up to a text, and discards both.
func (p *seat) until(text string) string {
	p.Helper()
	for late := time.After(eventTimeout); ; {
		if before, rest, found := bytes.Cut(p.seen.Bytes(), []byte(text)); found {
			before := string(before)
			p.seen = *bytes.NewBuffer(bytes.Clone(rest))
			return before
		}
		select {
		case b, open := <-p.bytes:
			if !open {
				p.Fatalf("the terminal closed before %q, after %q", text, p.seen.String())
			}
			p.seen.Write(b)
		case <-late:
			p.Fatalf("%q not found in %q", text, p.seen.String())
		}
	}
}

// out returns the stdout of a program that has exited.
func (p *seat) out() string { return p.cmd.Stdout.(*bytes.Buffer).String() }

// drain reads the rest of the terminal's output after the program has exited.
func (p *seat) drain() {
	for b := range p.bytes {
		p.seen.Write(b)
	}
}
