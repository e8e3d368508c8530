package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// terminalUser is the user at a Docker client's terminal.
type terminalUser struct {
	env    env.Set
	stderr *os.File
	asked  bool // a sign-in was displayed
}

// signIn signs in with the browser if the session that a get needs is missing or expired.
// It requires a terminal, where it shows the page, the remaining time and the result.
// showError shows the reason for a failure.
func (u *terminalUser) signIn(ctx context.Context, r credhelper.SignInRequest) error {
	tty, err := openTerminal()
	if err != nil {
		return credhelper.ErrNoUser
	}
	defer func() { _ = tty.Close() }()
	s := signInScreen{tty: tty, style: style.Of(tty, u.env), animated: style.CanMoveCursor(tty, u.env) && !drawsItself(programs.ParentName())}
	session := "SSO start URL " + r.Session.StartURL
	if r.Session.Name != "" {
		session = fmt.Sprintf("SSO session %q", r.Session.Name)
	}
	opening := func() {
		u.asked = true
		s.line(name + ": opening your browser to sign in to " + session + " for " + r.Host)
	}
	if err := r.SignIn(ctx, credhelper.SignInOptions{BrowserOpening: opening, BrowserOpened: s.opened, WaitStarted: s.waiting}); err != nil {
		return err
	}
	if u.asked { // otherwise another process signed in
		s.write(s.style.OK(hint.Clean("Signed in to "+session+".", maxMessage)))
	}
	return nil
}

// showError prints a get's error on the terminal if the client might not show it: after a
// sign-in on that terminal, and if stderr is a pipe. Some clients with a pipe
// (testcontainers-node, the devcontainers CLI) show neither stdout nor stderr.
func (u *terminalUser) showError(err error) {
	info, statErr := u.stderr.Stat()
	reason := reasonFor(err)
	if reason == nil || statErr != nil || isTerminal(u.stderr) || u.env.Get(env.CI) != "" {
		return
	}
	// Node.js uses sockets as pipes.
	if piped := info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0; !piped && !u.asked {
		return
	}
	tty, openErr := openTerminal()
	if openErr != nil {
		return
	}
	defer func() { _ = tty.Close() }()
	streams{err: tty, env: u.env}.problem(reason)
}

// openTerminal opens the terminal of the process even if its streams are pipes. On Windows,
// it opens the console's screen buffer.
func openTerminal() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONOUT$", os.O_RDWR, 0)
	}
	return os.OpenFile("/dev/tty", os.O_WRONLY, 0)
}

// progressClients are clients that draw their own progress display during a get. The
// animated line would erase their lines.
var progressClients = []string{"docker-buildx", "buildctl", "docker-compose", "docker-bake"}

func drawsItself(client string) bool { return slices.Contains(progressClients, client) }

// signInScreen is the terminal display of a get that signs in.
type signInScreen struct {
	tty      *os.File
	style    style.Style
	animated bool // lines may be redrawn
}

// opened prints the page as a link, if the terminal supports links. Otherwise, the URL is
// on its own line, so that it can be copied.
func (s signInScreen) opened(url string) {
	const text = "If it does not show the sign-in page, open: "
	room := max(style.Width(s.tty)-len(text)-1, 20)
	link := s.style.Link(url, room)
	if style.Columns(link) > room {
		s.line(text)
		s.write(link)
		return
	}
	s.write(text + link)
}

func (s signInScreen) waiting(until time.Time) func() {
	if s.animated {
		return waitingLine{out: s.tty, every: time.Second}.show(until)
	}
	s.line(fmt.Sprintf("You have %.0f seconds to sign in. Ctrl-C cancels.", time.Until(until).Seconds()))
	return func() {}
}

func (s signInScreen) line(text string) {
	s.write(strings.Join(style.Wrap(hint.Clean(text, maxMessage), style.Width(s.tty)), "\n"))
}

func (s signInScreen) write(text string) { _, _ = fmt.Fprintln(s.tty, text) }
