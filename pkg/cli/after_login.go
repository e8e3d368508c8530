package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/doctor"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// afterSignIn shows who is signed in, for how long, and which logins work now. The user
// is signed in already, so no problem that it finds is an error of login.
func afterSignIn(ctx context.Context, a app, o loginOptions, in credhelper.SignedIn) error {
	helper := a.helper(ctx) // a new one: the sign-in has changed the files
	var got credhelper.Prefetched
	if !o.noPrefetch {
		var err error
		if got, err = helper.Prefetch(ctx, credhelper.Target(o.target)); err != nil {
			a.complain(err)
			return nil
		}
	}
	sessions, err := helper.Sessions()
	if err != nil {
		a.complain(err)
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

// signedIn shows the session, its user, and when it ends.
func (r *report) signedIn(s credhelper.SessionStatus, user string, now time.Time) {
	text := ""
	if s.Name != "" {
		text += fmt.Sprintf("SSO session: %s. ", s.Name)
	}
	if user != "" {
		text += fmt.Sprintf("User: %s. ", user)
	}
	r.line("", "%s", text+sentence(s, now))
}

// prefetched lists the logins with their verdicts, and the next step.
func (r *report) prefetched(logins []credhelper.PrefetchedLogin, s credhelper.SessionStatus, now time.Time) {
	if len(logins) == 0 {
		r.line("", "No registry of this session is in Docker's configuration.")
		next := hint.ConfigureDockerCommand()
		if len(s.Profiles) == 0 {
			next = hint.Command("configure", "--sso-session", s.Name)
		}
		r.next("", []string{next})
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
		if shown++; shown > mostRegistries {
			continue
		}
		r.entry(style.OK, "ok", l.Host, loginText(l.Login, now), nil)
	}
	if more := shown - mostRegistries; more > 0 {
		r.line(step, "and %s that work", hint.Count(more, "more registry"))
	}
	if works != "" {
		r.WriteString("\n")
		r.line("", "Next: docker push %s/REPOSITORY:TAG", works)
	}
}

// failed shows why a registry has no login.
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
	r.entry(level, word, l.Host, text, next[:min(len(next), mostAlike)])
}

// loginText describes a login that works.
func loginText(l credhelper.Login, now time.Time) string {
	from := "saved by docker login"
	switch {
	case l.Stored:
	case l.Identity.Profile != "":
		from = fmt.Sprintf("profile %q", l.Identity.Profile)
	default:
		from = l.Identity.Source
	}
	return from + ", expires " + doctor.In(l.ExpiresAt, now)
}
