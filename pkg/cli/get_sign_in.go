package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// askUser signs in through the browser when the session of a get is missing or
// expired. It needs a terminal. It prints only one line there when the browser opens,
// because BuildKit and compose draw over longer output.
//
// Windows has no /dev/tty. There the error names the command to run.
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
	// A process that has waited for another process's sign-in has less time left, so
	// the line prints the remaining seconds.
	waiting := func(until time.Time) func() {
		_, _ = fmt.Fprintln(tty, hint.Clean(fmt.Sprintf("%s: opening the browser to sign in to SSO session %s for %s (%.0f s at most)",
			name, session, r.Host, time.Until(until).Seconds()), 300))
		return func() {}
	}
	return r.SignIn(ctx, credhelper.SignInOptions{Waiting: waiting})
}
