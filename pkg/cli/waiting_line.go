package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

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
