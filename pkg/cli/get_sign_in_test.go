package cli

import (
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

func TestWaitingLineFits(t *testing.T) {
	for name, tc := range map[string]struct {
		left  time.Duration
		width int
		want  string
	}{
		"wide terminal": {598 * time.Second, 80, "⠋ Waiting for you to sign in, 9:58 left (Ctrl-C cancels)"},
		"50 columns":    {48 * time.Second, 50, "⠋ Waiting for you to sign in, 0:48 left"},
		"30 columns":    {48 * time.Second, 30, "⠋ 0:48 left to sign in"},
		"10 columns":    {48 * time.Second, 10, "0:48"},
		"no time left":  {-time.Second, 30, "⠋ 0:00 left to sign in"},
		"rounding":      {29500 * time.Millisecond, 30, "⠋ 0:30 left to sign in"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (waitingLine{spin: true}).text(0, tc.left, tc.width); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	for width := 1; width < 120; width++ {
		if got := (waitingLine{spin: true}).text(3, time.Hour, width); style.Columns(got) >= width {
			t.Errorf("%q is wider than %d", got, width)
		}
	}
}
