package configure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// askSession settles what to sign in to. A session that is configured is taken
// as it is; a flag that says otherwise changes it.
func (w *wizard) askSession(ctx context.Context) error {
	w.saySessions()
	name, err := w.ask(ctx, w.Session, prompt.Question{
		Label: "SSO session name", Empty: "(Recommended)", Current: w.current.Get("sso_session"), Check: optional(checkName),
	})
	if err != nil {
		return err
	}
	w.session = awsconfig.Session{Name: name}
	if name == "" {
		w.Say("WARNING: Configuring using legacy format (e.g. without an SSO session).")
		w.Say("Consider re-running \"" + hint.ConfigureCommand("") + "\" and providing a session name.")
	} else if s, ok := w.Config.Session(name); ok {
		known := *s
		w.known, w.session = s, known
	} else {
		w.warnOfName("SSO session", name)
	}
	if w.named != "" {
		w.warnOfProfile(w.named)
		// Before anybody signs in for nothing.
		if err := w.checkProfile(w.named); err != nil {
			return &AnswerError{"--profile", err}
		}
	}
	if err := w.askStartURL(ctx); err != nil {
		return err
	}
	if err := w.askScopes(ctx); err != nil {
		return err
	}
	w.newShape = w.known == nil && name != "" ||
		w.known != nil && (w.known.StartURL != w.session.StartURL || w.known.Region != w.session.Region || w.scopes != "")
	return nil
}

// saySessions shows what the first question can be answered with.
func (w *wizard) saySessions() {
	if w.Ask == nil || w.Session.Given || len(w.Config.Sessions) == 0 {
		return
	}
	var names []string
	for _, s := range w.Config.Sessions {
		names = append(names, s.Name)
	}
	w.Say("SSO sessions in the configuration: " + strings.Join(names, ", "))
}

// askStartURL asks for the URL and the region, each only if the session has
// none. A vanity URL knows its region.
func (w *wizard) askStartURL(ctx context.Context) error {
	s, legacy := &w.session, w.session.Name == ""
	q := prompt.Question{Label: "SSO start URL", Check: checkStartURL}
	if legacy {
		q.Current = w.current.Get("sso_start_url")
	}
	var leads Resolved
	for s.StartURL == "" || w.StartURL.Given {
		url, err := w.ask(ctx, w.StartURL, q)
		if err != nil {
			return err
		}
		if leads, err = w.resolve(ctx, url); err == nil {
			s.StartURL = url
			break
		}
		if w.Ask == nil || w.StartURL.Given || ctx.Err() != nil {
			return err
		}
		w.Say("  " + hint.Line(err))
	}
	switch {
	case w.SSORegion.Given:
		s.Region = w.SSORegion.Value
	case leads.Vanity && leads.Region != "":
		s.Region = leads.Region
		w.Say("SSO region: " + leads.Region + " (from the start URL)")
	case s.Region == "":
		q := prompt.Question{Label: "SSO region", Current: leads.Region, Check: checkRegion}
		if legacy && q.Current == "" {
			q.Current = w.current.Get("sso_region")
		}
		region, err := w.ask(ctx, w.SSORegion, q)
		if err != nil {
			return err
		}
		s.Region = region
	}
	return nil
}

func (w *wizard) resolve(ctx context.Context, startURL string) (Resolved, error) {
	if w.Resolve == nil {
		return Resolved{}, nil
	}
	return w.Resolve(ctx, awsconfig.Session{Name: w.session.Name, StartURL: startURL})
}

// askScopes asks for the scopes of a new session.
func (w *wizard) askScopes(ctx context.Context) error {
	if w.session.Name == "" || w.known != nil && !w.Scopes.Given {
		return nil
	}
	scopes, err := w.ask(ctx, w.Scopes, prompt.Question{
		Label: "SSO registration scopes", Current: DefaultScopes, Check: checkScopes,
	})
	if err != nil {
		return err
	}
	if w.known != nil && sameScopes(scopes, w.known.Scopes) {
		return nil
	}
	w.scopes, w.session.Scopes = scopes, splitScopes(scopes)
	return nil
}

func splitScopes(s string) []string {
	var scopes []string
	for scope := range strings.SplitSeq(s, ",") {
		scopes = append(scopes, strings.TrimSpace(scope))
	}
	return scopes
}

func sameScopes(s string, have []string) bool {
	return strings.Join(splitScopes(s), ",") == strings.Join(have, ",")
}

// enough is the life that an earlier sign-in must have left to be used, as in
// the AWS CLI.
const enough = 15 * time.Minute

// signIn signs in, unless the session is the one that somebody signed in to a
// while ago.
func (w *wizard) signIn(ctx context.Context) error {
	if !w.newShape {
		key := awsconfig.SSO{Session: w.session.Name, StartURL: w.session.StartURL}.CacheKey()
		path, err := ssotoken.Path(w.Env.HomeDir(), key)
		if err != nil {
			return err
		}
		token, err := ssotoken.Read(path)
		if err == nil && token.Live(w.Now().Add(enough)) && token.StartURL == w.session.StartURL {
			w.token, w.reused = token, true
			return nil
		}
	}
	return w.signInAfresh(ctx)
}

func (w *wizard) signInAfresh(ctx context.Context) error {
	token, err := w.SignIn(ctx, w.session)
	if err != nil {
		return w.signInError(err)
	}
	w.token, w.reused = token, false
	if token.Region != "" && token.Region != w.session.Region {
		w.session.Region = token.Region
		w.Say("SSO region updated to " + token.Region)
	}
	return nil
}

// again is the command that comes back with the answers so far.
func (w *wizard) again() string {
	args := []string{"configure"}
	if w.named != "" {
		args = append(args, "--profile", w.named)
	}
	args = append(args, "--sso-session", w.session.Name, "--start-url", w.session.StartURL)
	for _, flag := range []struct {
		name   string
		answer Answer
	}{
		{"registration-scopes", w.Scopes}, {"account-id", w.Account}, {"role-name", w.Role}, {"region", w.Region}, {"output", w.Output},
	} {
		if flag.answer.Given {
			args = append(args, "--"+flag.name, flag.answer.Value)
		}
	}
	if w.NoDocker {
		args = append(args, "--no-docker")
	}
	return hint.Command(args...)
}

// stopped words a Ctrl-C: what is saved, and how to go on from there.
func (w *wizard) stopped(err error) error {
	if !errors.Is(err, prompt.ErrInterrupted) && !errors.Is(err, context.Canceled) {
		return err
	}
	switch {
	case w.written:
		return &stoppedError{fmt.Sprintf("profile %q is saved in %s", w.profile, w.Config.Paths.Config), err}
	case w.token.AccessToken.Empty() || w.reused:
		return &stoppedError{"nothing is saved", err}
	}
	return hint.With(&stoppedError{"the sign-in is saved, the profile is not", err}, w.again()+" --sso-region "+hint.Arg(w.session.Region))
}

type stoppedError struct {
	saved string
	cause error
}

func (e *stoppedError) Error() string { return "stopped; " + e.saved }
func (e *stoppedError) Unwrap() error { return e.cause }

// signInError advises to come back with the answers so far: a session that is
// not written yet cannot be signed in to by its name. Where AWS was not reached,
// what looks at the way comes first, and the region is asked for anew: a misspelt
// one makes a host that nobody has.
func (w *wizard) signInError(err error) error {
	next := hint.Next(err)
	if w.known != nil || next == nil || !strings.HasPrefix(next[0], hint.Program+" ") {
		return err
	}
	again := w.again()
	if next[0] == hint.DoctorCommand("") {
		return hint.With(err, next[0], again)
	}
	again += " --sso-region " + hint.Arg(w.session.Region)
	device := again + " --use-device-code"
	if strings.HasSuffix(next[0], " --use-device-code") { // nothing else helps
		return hint.With(err, device)
	}
	return hint.With(err, again, device)
}

// listed calls list, which asks the portal. A token from an earlier sign-in that
// was ended elsewhere is replaced once.
func (w *wizard) listed(ctx context.Context, list func(Portal) error) error {
	portal, err := w.Portal(w.session)
	if err != nil {
		return err
	}
	err = list(portal)
	fault, ok := errors.AsType[*awsclient.Fault](err)
	if !ok || fault.Kind != awsclient.Unauthorized || !w.reused {
		return err
	}
	if err := w.signInAfresh(ctx); err != nil {
		return err
	}
	return list(portal)
}
