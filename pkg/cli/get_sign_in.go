package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// askUser signs in during a get whose session is missing or expired: through the
// browser, if the process has a terminal. It prints one line on the terminal when the
// browser opens, since BuildKit and compose draw over anything more.
//
// Windows has no /dev/tty. There the error names the command.
func askUser(ctx context.Context, r credhelper.SignInRequest) error {
	tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0)
	if err != nil {
		return credhelper.ErrNoUser
	}
	defer tty.Close()
	session := r.Session.StartURL
	if r.Session.Name != "" {
		session = fmt.Sprintf("%q", r.Session.Name)
	}
	// Processes that wait for each other have less time.
	waiting := func(until time.Time) func() {
		_, _ = fmt.Fprintln(tty, hint.Clean(fmt.Sprintf("%s: opening the browser to sign in to SSO session %s for %s (%.0f s at most)",
			name, session, r.Host, time.Until(until).Seconds()), 300))
		return func() {}
	}
	return r.SignIn(ctx, credhelper.SignInOptions{Waiting: waiting})
}
