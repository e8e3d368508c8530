package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// loginOptions contains the flags of login.
type loginOptions struct {
	target
	noBrowser, device, ifNeeded, noPrefetch bool
}

// newLogin returns the command `login`. It works like `aws sso login` and uses the same
// files.
func newLogin(a app) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in to an SSO session with the browser",
		Long: `Signs in to an SSO session and saves the access token in the AWS CLI's cache, so
that both programs can use it. Without flags, it uses the session of AWS_PROFILE
or the default profile, or the only configured session. Then it gets logins for
the session's registries in Docker's configuration, for up to two seconds, and
shows the results.`,
		Example: "  " + name + " login --sso-session corp\n" +
			"  " + name + " login --profile prod --if-needed\n" +
			"  " + name + " login --sso-session corp --use-device-code",
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return signIn(cmd.Context(), a, o) },
	}
	o.target.flags(cmd)
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "print the URL instead of opening a browser")
	cmd.Flags().BoolVar(&o.device, "use-device-code", false, "sign in with a code, on any device")
	cmd.Flags().BoolVar(&o.ifNeeded, "if-needed", false, "do not sign in if the session is still valid")
	cmd.Flags().BoolVar(&o.noPrefetch, "no-prefetch", false, "do not get logins for the registries")
	return cmd
}

func signIn(ctx context.Context, a app, o loginOptions) error {
	in := credhelper.SignInOptions{
		IfNeeded: o.ifNeeded, DeviceCode: o.device, NoBrowser: o.noBrowser, Unattended: !prompt.Available(),
		Output: a.streams.err, WaitStarted: a.screen().WaitStarted,
	}
	signedIn, err := a.helper(ctx).SignIn(ctx, credhelper.Target(o.target), in)
	if err != nil {
		return err
	}
	r := a.lines()
	if signedIn.RegionChanged {
		r.line("", "SSO region updated to %s", signedIn.Region)
	}
	if signedIn.AlreadySignedIn {
		r.line("", "Already logged into Start URL: %s until %s", signedIn.StartURL, clock(signedIn.ExpiresAt))
	} else {
		r.line("", "Successfully logged into Start URL: %s", signedIn.StartURL)
	}
	if err := a.answer(r.Bytes()); err != nil {
		return err
	}
	return afterSignIn(ctx, a, o, signedIn)
}

// afterSignIn prints the session's user, its remaining time, and the registries with a
// login. The sign-in has already succeeded, so errors here do not fail the command.
func afterSignIn(ctx context.Context, a app, o loginOptions, in credhelper.SignedIn) error {
	helper := a.helper(ctx) // a new one, because the sign-in changed the files
	var got credhelper.Prefetched
	if !o.noPrefetch {
		var err error
		if got, err = helper.Prefetch(ctx, credhelper.Target(o.target)); err != nil {
			a.printError(err)
			return nil
		}
	}
	sessions, err := helper.Sessions()
	if err != nil {
		a.printError(err)
		return nil
	}
	r, now := a.report(), time.Now()
	i := slices.IndexFunc(sessions, func(s credhelper.SessionStatus) bool {
		return s.Name == in.Session && (s.Name != "" || s.StartURL == in.StartURL)
	})
	if i < 0 {
		return nil
	}
	r.signedIn(sessions[i], got.User, now)
	if !o.noPrefetch {
		r.prefetched(got.Registries, sessions[i], now)
	}
	return a.answer(r.Bytes())
}

// signedIn prints the session, its user, and when it ends.
func (r *report) signedIn(s credhelper.SessionStatus, user string, now time.Time) {
	text := ""
	if s.Name != "" {
		text += fmt.Sprintf("SSO session: %s. ", s.Name)
	}
	if user != "" {
		text += fmt.Sprintf("User: %s. ", user)
	}
	r.line("", "%s", text+ssoSessionText(s, now))
}

// ssoSessionText describes the state of an SSO session. Only AWS knows when a refreshable
// session ends.
func ssoSessionText(s credhelper.SessionStatus, now time.Time) string {
	const renewed = "renewed automatically until your organization ends the session."
	switch s.State {
	case credhelper.StateLive:
		text := "Signed in. Access token expires " + hint.In(*s.ExpiresAt, now)
		if s.Refreshable {
			return text + "; " + renewed
		}
		return text + "; it cannot be renewed."
	case credhelper.StateRefreshable:
		return "Signed in. Access token expired " + hint.In(*s.ExpiresAt, now) + "; " + renewed
	case credhelper.StateExpired:
		return "Expired " + hint.In(*s.ExpiresAt, now) + "."
	case credhelper.StateMissing:
		return "Not signed in."
	}
	return "The token file cannot be read."
}

// prefetched lists the logins with their verdicts, and the next step.
func (r *report) prefetched(logins []credhelper.PrefetchedLogin, s credhelper.SessionStatus, now time.Time) {
	if len(logins) == 0 {
		r.line("", "No registry of this session is in Docker's configuration.")
		next := hint.ConfigureDockerCommand()
		if len(s.Profiles) == 0 {
			next = hint.Command("configure", "--sso-session", s.Name)
		}
		r.next(step, []string{next})
		return
	}
	r.WriteString("\nDocker logins:\n")
	works, shown := "", 0
	for _, l := range logins {
		if l.Err != nil {
			r.failed(l)
			continue
		}
		if works == "" {
			works = l.Host
		}
		if shown++; shown > maxRegistries {
			continue
		}
		r.entry(style.OK, "ok", l.Host, loginText(l.Login, now), nil)
	}
	if more := shown - maxRegistries; more > 0 {
		r.line(step, "and %s that work", hint.Count(more, "more registry"))
	}
	if works != "" {
		r.WriteString("\n")
		_, _ = fmt.Fprintf(r, "Next: docker push %s/REPOSITORY:TAG\n", works) // unwrapped, like next
	}
}

// failed prints why a registry has no login.
func (r *report) failed(l credhelper.PrefetchedLogin) {
	level, word, err := style.Problem, "problem", l.Err
	public, anonymous := errors.AsType[*credhelper.AnonymousError](err)
	switch {
	case errors.Is(err, credhelper.ErrUnfinished):
		r.entry(style.Warning, "skipped", l.Host, "not finished after 2s; the next docker command gets the login", nil)
		return
	case anonymous:
		level, word, err = style.Warning, "warning", public.Reason
	}
	text, next := err.Error(), hint.Next(err)
	if e, ok := errors.AsType[*hint.Error](err); ok {
		text = e.Err.Error()
	}
	if anonymous {
		text += "; public images can be pulled without a login"
	}
	r.entry(level, word, l.Host, text, next[:min(len(next), maxAlike)])
}

// loginText describes a valid login.
func loginText(l credhelper.Login, now time.Time) string {
	from := "saved by docker login"
	switch {
	case l.Stored:
	case l.Identity.Profile != "":
		from = fmt.Sprintf("profile %q", l.Identity.Profile)
	default:
		from = l.Identity.Source
	}
	return from + ", expires " + hint.In(l.ExpiresAt, now)
}

// screen returns the screen that shows a sign-in on stderr. The waiting line is shown only
// on a terminal.
func (a app) screen() login.Screen {
	f := a.streams.err
	lines := login.Lines{W: f, Style: style.Of(f, a.env), Width: func() int { return style.Width(f) }}
	if style.CanMoveCursor(f, a.env) {
		return waitingLines{lines, waitingLine{out: f, every: frameTime, spin: true}}
	}
	return lines
}

// helper returns the credential helper for a command.
func (a app) helper(ctx context.Context) *credhelper.Helper {
	return credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(a.env.List()), credhelper.WithLogger(a.log), credhelper.WithUserAgent(userAgent()))
}

// target selects the session for login and logout.
type target credhelper.Target

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.Profile, "profile", "", "use the session of this profile")
	cmd.Flags().StringVar(&t.SSOSession, "sso-session", "", "use this session")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if t.Profile != "" && t.SSOSession != "" {
			return usage(cmd, errors.New("--profile and --sso-session can't be used together"))
		}
		// An empty value may come from an unset shell variable. It must not select all
		// sessions.
		for flag, value := range map[string]string{"profile": t.Profile, "sso-session": t.SSOSession} {
			if value == "" && cmd.Flags().Changed(flag) {
				return usage(cmd, fmt.Errorf("--%s is empty", flag))
			}
		}
		return nil
	}
}

// newLogout returns the command `logout`. Unlike `aws sso logout`, it can sign out of a
// single session and works offline. It does not remove other tools' files from the AWS CLI
// caches.
func newLogout(a app) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Sign out of one or all SSO sessions",
		Long: `Notifies AWS and removes the session's access token, its role credentials in the
AWS CLI's cache, and the cached ECR logins. Without flags, it signs out of all
sessions. It is not an error if no session is signed in. It does not remove
logins saved by docker login; use docker logout for these.`,
		Example: "  " + name + " logout\n  " + name + " logout --sso-session corp",
		Args:    exactArgs(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return signOut(cmd.Context(), a, t) },
	}
	t.flags(cmd)
	return cmd
}

func signOut(ctx context.Context, a app, t target) error {
	sessions, err := a.helper(ctx).SignOut(ctx, credhelper.Target(t))
	r := a.lines()
	switch {
	case len(sessions) > 0:
		r.signedOut(sessions)
	case err == nil && t.SSOSession != "":
		r.line("", "SSO session %q is not signed in", t.SSOSession)
	case err == nil && t.Profile != "":
		r.line("", "The SSO session of profile %q is not signed in", t.Profile)
	case err == nil:
		r.line("", "No SSO session is signed in")
	}
	if err == nil {
		r.stored(a.helper(ctx), time.Now())
	}
	if outErr := a.answer(r.Bytes()); err == nil {
		err = outErr
	}
	return err
}

func (r *report) signedOut(sessions []credhelper.SignedOut) {
	for _, s := range sessions {
		name := s.StartURL
		if s.Session != "" {
			name = fmt.Sprintf("session %q, %s", s.Session, s.StartURL)
		}
		r.line("", "Signed out of %s", name)
		if s.PortalErr != nil {
			r.line(step, "could not notify AWS: %v", s.PortalErr)
		}
	}
}

// stored lists the logins saved by `docker login`, which do not belong to a session.
func (r *report) stored(helper *credhelper.Helper, now time.Time) {
	hosts, err := helper.CachedRegistries()
	if err != nil {
		return // signing out does not depend on these files
	}
	for _, host := range hosts {
		if x, err := helper.Explain(host); err == nil && x.StoredUntil != nil {
			r.line("", "docker login saved a login for %s, which expires %s", host, hint.In(*x.StoredUntil, now))
			r.next(step, []string{hint.LogoutCommand("docker", host)})
		}
	}
}
