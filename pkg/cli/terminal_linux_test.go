package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// seat simulates a user on the pseudo-terminal of the built program. The user types only
// after the expected text has appeared.
type seat struct {
	*testing.T
	master *os.File
	cmd    *exec.Cmd
	seen   bytes.Buffer
	stderr bytes.Buffer
	bytes  chan []byte
}

// sit starts the program on a terminal. Its stdout also goes to the terminal.
func sit(t *testing.T, environ []string, args ...string) *seat {
	t.Helper()
	return sitWith(t, environ, func(*exec.Cmd, *os.File) {}, args...)
}

// sitWith is like sit, but arrange can change the streams before the start.
func sitWith(t *testing.T, environ []string, arrange func(cmd *exec.Cmd, tty *os.File), args ...string) *seat {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminals on this machine:", err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	p := &seat{T: t, master: master, bytes: make(chan []byte)}
	p.cmd = exec.Command(filepath.Join(binDir, name), args...)
	p.cmd.Env = append(environ, "TERM=xterm")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = tty, tty, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	arrange(p.cmd, tty)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = tty.Close()
	go func() {
		defer close(p.bytes)
		for {
			buf := make([]byte, 4096)
			n, err := master.Read(buf)
			p.bytes <- buf[:n]
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = master.Close()
		go func() {
			for range p.bytes { // lets the reader finish
			}
		}()
	})
	return p
}

// see waits for a text and discards the output up to its end.
func (p *seat) see(text string) {
	p.Helper()
	for late := time.After(eventTimeout); ; {
		if _, rest, found := bytes.Cut(p.seen.Bytes(), []byte(text)); found {
			p.seen = *bytes.NewBuffer(bytes.Clone(rest))
			return
		}
		select {
		case b, open := <-p.bytes:
			if !open {
				p.Fatalf("the terminal closed before %q, after %q; stderr %s", text, p.seen.String(), p.stderr.String())
			}
			p.seen.Write(b)
		case <-late:
			p.Fatalf("%q not found in %q; stderr %s", text, p.seen.String(), p.stderr.String())
		}
	}
}

func (p *seat) press(keys string) {
	p.Helper()
	if _, err := io.WriteString(p.master, keys); err != nil {
		p.Fatal(err)
	}
}

// end waits until the program exits and returns its exit status.
func (p *seat) end() int {
	p.Helper()
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	for late := time.After(eventTimeout); ; {
		select {
		case b := <-p.bytes:
			p.seen.Write(b)
		case <-done:
			return p.cmd.ProcessState.ExitCode()
		case <-late:
			p.Fatalf("timeout; the terminal shows %q", p.seen.String())
		}
	}
}

// configure saves the account and the role in the highlighted rows.
func TestConfigureSavesHighlightedRows(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	s.aws.AddAccount("123456789012", "Production", "prod@example.com", "Admin", "Push")
	s.aws.AddAccount("210987654321", "Development", "dev@example.com", "Admin", "Push", "Read")
	s.aws.AddAccount("333333333333", "Staging", "staging@example.com", "Push")
	p := sit(t, s.env, "configure", "--profile", "new", "--sso-session", "corp", "--region", region, "--output", "json", "--no-docker")
	mark := func(text string) string { return "> \x1b[1m" + text + "\x1b[m" }
	p.see(mark("Development, dev@example.com (210987654321)"))
	p.press("\x1b[B")
	p.see(mark("Production, prod@example.com (123456789012)"))
	p.press("\x1b[B")
	p.see(mark("Staging, staging@example.com (333333333333)"))
	p.press("e") // every row contains an "e"
	p.see("Account: e")
	p.see(mark("Staging, staging@example.com (333333333333)"))
	p.press("v")
	p.see(mark("Development, dev@example.com (210987654321)"))
	p.press("\r")
	p.see(mark("Admin"))
	p.press("\x1b[A")
	p.see(mark("Read"))
	p.press("\x1b[A")
	p.see(mark("Push"))
	if err := pty.Setsize(p.master, &pty.Winsize{Rows: 10, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	p.see(mark("Push")) // redrawn without a key press
	p.press("\r")
	status := p.end()
	config, err := os.ReadFile(s.home.ConfigPath())
	if err != nil {
		t.Fatal(err)
	}
	_, written, _ := strings.Cut(string(config), "[profile new]\n")
	if !strings.HasPrefix(written, "sso_session = corp\nsso_account_id = 210987654321\nsso_role_name = Push\n") {
		t.Errorf("exit status %d, wrote %q; stderr %s", status, written, p.stderr.String())
	}
}

// configure --all asks for the preferred role and saves the highlighted one.
func TestConfigureAllSavesHighlightedRole(t *testing.T) {
	t.Parallel()
	for title, tc := range map[string]struct {
		keys    []string // pressed by the user, each after its row is highlighted
		rows    []string
		roles   string // roles in the settings
		said    string
		status  int
		stopped bool
	}{
		"second":   {[]string{"\x1b[B", "\r"}, []string{"Push (3 accounts)", "ReadOnly (2 accounts)"}, `roles = ["ReadOnly"]`, "no preferred role in 1 of 3 accounts", 0, false},
		"filtered": {[]string{"a", "d", "m", "\r"}, []string{"Push (3 accounts)", "Push (3 accounts)", "ReadOnly (2 accounts)", "Admin (1 account)"}, `roles = ["Admin"]`, "no preferred role in 2 of 3 accounts", 0, false},
		"none":     {[]string{"\x1b[A", "\r"}, []string{"Push (3 accounts)", "none (decide later)"}, "", "no preferred role in 3 of 3 accounts", 0, false},
		"Ctrl-C":   {[]string{"\x03"}, []string{"Push (3 accounts)"}, "", "", 130, true},
	} {
		t.Run(title, func(t *testing.T) {
			s := newHome(t)
			s.aws.AddAccount("123456789012", "Production", "prod@example.com", "Push", "Admin")
			s.aws.AddAccount("210987654321", "Development", "dev@example.com", "Push", "ReadOnly")
			s.aws.AddAccount("333333333333", "Staging", "staging@example.com", "Push", "ReadOnly")
			p := sit(t, s.env, "configure", "--all")
			p.see("added, 1 already there, 0 removed")
			p.see("Preferred role for accounts with several roles: ")
			for i, key := range tc.keys {
				p.see("> \x1b[1m" + tc.rows[i] + "\x1b[m")
				p.press(key)
			}
			if tc.said != "" {
				p.see(tc.said)
			}
			status := p.end()
			if status != tc.status || tc.stopped != strings.HasSuffix(p.stderr.String(), "canceled; the profiles were saved without a preferred role\n") {
				t.Errorf("exit status %d, stderr %q", status, p.stderr.String())
			}
			text, _ := os.ReadFile(filepath.Join(s.home.Dir, ".config", name, "config.toml"))
			if got := strings.TrimSpace(string(text)); got != tc.roles {
				t.Errorf("settings: %q", got)
			}
		})
	}
}

// On a terminal without a browser, login uses a device code even without the flag.
func TestLoginInRemoteShellShowsCode(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	p := sit(t, append(s.env, "SSH_CONNECTION=192.0.2.1 5 192.0.2.2 22"), "login", "--sso-session", "corp")
	approved := make(chan bool)
	go func() {
		for !s.aws.ApproveDevice("") && t.Context().Err() == nil {
			time.Sleep(50 * time.Millisecond)
		}
		close(approved)
	}()
	p.see("Successfully logged into Start URL: ")
	<-approved
	if status := p.end(); status != 0 || !strings.Contains(p.stderr.String(), "No browser can be opened here (this is a remote shell (SSH)). Signing in with a code instead.") {
		t.Errorf("exit status %d, stderr %s", status, p.stderr.String())
	}
}

// Ctrl-C is a key in a list and a signal at a question. In both cases, configure reports
// what it has saved.
func TestCtrlCInConfigureReportsSavedFiles(t *testing.T) {
	t.Parallel()
	for name, at := range map[string][]string{
		"in a list":     {"> \x1b[1mDevelopment"},
		"at a question": {"> \x1b[1mDevelopment", "\r", "Region [us-east-1]: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHome(t)
			s.aws.AddAccount("210987654321", "Development", "dev@example.com", "Push")
			before, err := os.ReadFile(s.home.ConfigPath())
			if err != nil {
				t.Fatal(err)
			}
			p := sit(t, s.env, "configure", "--profile", "new", "--sso-session", "corp", "--no-docker")
			for i, text := range at {
				if i%2 == 0 {
					p.see(text)
				} else {
					p.press(text)
				}
			}
			p.press("\x03")
			if status := p.end(); status != 130 || !strings.HasSuffix(p.stderr.String(), "\ncanceled; nothing was saved\n") {
				t.Errorf("exit status %d, stderr %q", status, p.stderr.String())
			}
			if after, err := os.ReadFile(s.home.ConfigPath()); err != nil || string(after) != string(before) {
				t.Errorf("configuration: %q, %v", after, err)
			}
		})
	}
}

func TestHelpFitsNarrowTerminal(t *testing.T) {
	for name, args := range map[string][]string{
		"the program": {"--help"}, "a command": {"login", "--help"}, "help": {"help", "map"}, "without arguments": nil,
	} {
		t.Run(name, func(t *testing.T) {
			p := sitWith(t, nil, func(_ *exec.Cmd, tty *os.File) {
				if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 50}); err != nil {
					t.Fatal(err)
				}
			}, args...)
			p.end()
			p.drain()
			_, flags, _ := strings.Cut(strings.ReplaceAll(p.seen.String(), "\r\n", "\n"), "\nFlags:\n")
			flags, _, _ = strings.Cut(flags, "\n\n")
			for line := range strings.Lines(flags) {
				if len(line) > 51 {
					t.Errorf("%d columns: %q", len(line)-1, line)
				}
			}
			if flags == "" {
				t.Errorf("no flags in %q", p.seen.String())
			}
		})
	}
}
