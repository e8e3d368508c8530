package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
)

// moving is the screen of a sign-in on a terminal. It is login.Plain with one more
// line: while the sign-in waits for the browser, the line shows the time left.
type moving struct{ login.Plain }

const (
	frameTime  = 100 * time.Millisecond
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	clearLine  = "\r\x1b[K"
)

var frames = [...]string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// Waiting draws the line until the caller calls over. It then removes the line and
// shows the cursor again.
func (m moving) Waiting(until time.Time) (over func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	crash.Go(func() {
		defer close(stopped)
		tick := time.NewTicker(frameTime)
		defer tick.Stop()
		m.write(hideCursor)
		for i := 0; ; i++ {
			m.write(clearLine + waitingLine(frames[i%len(frames)], time.Until(until)))
			select {
			case <-tick.C:
			case <-stop:
				m.write(clearLine + showCursor)
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

func waitingLine(frame string, left time.Duration) string {
	left = max(left.Round(time.Second), 0)
	return fmt.Sprintf("%s Waiting for the sign-in, %d:%02d left (Ctrl-C ends it)",
		frame, int(left.Minutes()), int(left.Seconds())%60)
}

func (m moving) write(text string) { _, _ = io.WriteString(m.W, text) }
