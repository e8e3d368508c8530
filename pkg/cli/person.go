package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
)

// askPerson is how a get signs in when its session is dead: through the browser,
// if a terminal can be opened and a browser on this machine too. All processes
// that wait for the session share one sign-in.
//
// There is no such terminal on Windows; there the error's command is the way.
func askPerson(e env.Set) func(context.Context, credhelper.DeadSession) error {
	return func(ctx context.Context, d credhelper.DeadSession) error {
		tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0)
		if err != nil {
			return credhelper.ErrNobody
		}
		defer tty.Close()
		browser := login.Browser{Env: e, Terminal: true}
		if browser.CanOpen() != nil {
			return credhelper.ErrNobody
		}
		_, err = login.Shared(ctx, login.SharedInput{
			Input: login.Input{
				Session: d.Session, Profile: d.Profile, Home: e.HomeDir(),
				OIDC: d.Client, Browser: browser, Screen: oneLine{tty, d},
				HTTP: d.Client.Web(), Now: time.Now,
				LoginLock: d.LoginLock, TokenLock: d.TokenLock, Logins: d.Logins, Config: d.Config,
			},
			Started: d.Started, Stale: d.Stale,
		})
		if errors.Is(err, login.ErrNoLock) {
			return credhelper.ErrNobody // nothing would keep many processes from asking at once
		}
		return err
	}
}

// oneLine is the screen of a sign-in inside get: one line on the terminal when
// the browser opens. BuildKit and compose draw over anything more.
type oneLine struct {
	tty *os.File
	d   credhelper.DeadSession
}

// Waiting says what happens, for which session and why, and how long the person has:
// processes that wait for each other have less.
func (o oneLine) Waiting(until time.Time) func() {
	session := o.d.Session.StartURL
	if o.d.Session.Name != "" {
		session = fmt.Sprintf("%q", o.d.Session.Name)
	}
	_, _ = fmt.Fprintln(o.tty, hint.Clean(fmt.Sprintf("%s: opening the browser to sign in to SSO session %s for %s (%.0f s at most)",
		name, session, o.d.Host, time.Until(until).Seconds()), 300))
	return func() {}
}

// The rest of a sign-in is the browser's.

func (oneLine) Opening(string)  {}
func (oneLine) Visit(string)    {}
func (oneLine) Code(login.Code) {}
func (oneLine) Line(string)     {}
