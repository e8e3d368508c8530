package prompt

import (
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// A label that fits must be shown whole, with the answer to an empty text. It must shrink
// only for a text that needs the space, and the line must always fit.
func TestLabelIsShortenedForItsText(t *testing.T) {
	const width, label = 50, "SSO registration scopes [sso:account:access]: "
	for n := range 60 {
		e := &editor{label: label, text: []rune(strings.Repeat("x", n)), at: n}
		line, _, _ := strings.Cut(strings.TrimPrefix(e.draw(width, 24, style.Style{}), erase), "\r")
		if style.Columns(line) >= width || e.cursor() >= width {
			t.Errorf("%q does not fit, with the cursor in column %d", line, e.cursor())
		}
		if whole := strings.HasPrefix(line, label); whole != (n <= 2) || strings.Count(line, "x") < min(n, minText-1) {
			t.Errorf("with %d characters: %q", n, line)
		}
	}
}
