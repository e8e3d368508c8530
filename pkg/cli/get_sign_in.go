package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
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
	tty, err := prompt.OpenOutput()
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
	tty, openErr := prompt.OpenOutput()
	if openErr != nil {
		return
	}
	defer func() { _ = tty.Close() }()
	streams{err: tty, env: u.env}.problem(reason)
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

// waitingLine is the line that a terminal shows while a sign-in waits for the user. It is
// redrawn regularly and always fits the current width.
type waitingLine struct {
	out   *os.File
	every time.Duration // redraw interval
	spin  bool          // show an animated symbol
}

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	// clearLine erases from the start of the line. If the terminal becomes narrower, it
	// breaks the line into several. The cursor is always at the start of the first one, so
	// this erases all of them.
	clearLine = "\r\x1b[J"
)

// frameTime is the time per frame of the animated symbol.
const frameTime = 100 * time.Millisecond

var frames = [...]string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// show draws the line until the caller calls done, which erases the line and shows the
// cursor again.
func (w waitingLine) show(until time.Time) (done func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	crash.Go(func() {
		defer close(stopped)
		tick := time.NewTicker(w.every)
		defer tick.Stop()
		w.write(hideCursor)
		for i := 0; ; i++ {
			w.write(clearLine + w.text(i, time.Until(until), style.Width(w.out)) + "\r")
			select {
			case <-tick.C:
			case <-stop:
				w.write(clearLine + showCursor)
				return
			}
		}
	})
	var once sync.Once
	return func() {
		once.Do(func() { close(stop) })
		<-stopped
	}
}

// text returns a line of at most width-1 columns, because some terminals wrap after the
// last column. If the terminal has no size, the width is 80 columns.
func (w waitingLine) text(i int, left time.Duration, width int) string {
	if width == 0 {
		width = 80
	}
	left = max(left.Round(time.Second), 0)
	clock, spin := fmt.Sprintf("%d:%02d", int(left.Minutes()), int(left.Seconds())%60), ""
	if w.spin {
		spin = frames[i%len(frames)] + " "
	}
	for _, format := range []string{
		"Waiting for you to sign in, %s left (Ctrl-C cancels)", "Waiting for you to sign in, %s left", "%s left to sign in",
	} {
		if text := spin + fmt.Sprintf(format, clock); style.Columns(text) < width {
			return text
		}
	}
	return style.Cut(clock, width-1)
}

// waitingLines is login.Lines with the waiting line.
type waitingLines struct {
	login.Lines
	line waitingLine
}

// WaitStarted shows the line.
func (w waitingLines) WaitStarted(until time.Time) func() { return w.line.show(until) }

func (w waitingLine) write(text string) { _, _ = io.WriteString(w.out, text) }

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
