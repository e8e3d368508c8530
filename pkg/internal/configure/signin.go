package configure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// askSession determines the session to sign in to. A configured session is used unchanged,
// except for flags.
func (w *wizard) askSession(ctx context.Context) error {
	w.saySessions()
	name, err := w.ask(ctx, w.Session, prompt.Question{
		Label: "SSO session name", Empty: "(recommended)", Current: w.defaultSession(), Check: optional(checkName),
	})
	if err != nil {
		return err
	}
	w.session = awsconfig.Session{Name: name}
	if name == "" {
		w.Say("Note: without an SSO session (the legacy format), the sign-in cannot be refreshed. It lasts for some hours only.")
		w.Say("To use a session, run \"" + hint.ConfigureCommand("") + "\" again and enter a session name.")
	} else if s, ok := w.Config.Session(name); ok {
		known := *s
		w.known, w.session = s, known
	} else {
		w.warnOfName("SSO session", name)
	}
	if w.named != "" {
		w.warnOfProfile(w.named)
		// Check this before the sign-in, which would be useless otherwise.
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

// saySessions lists the configured sessions before the first question. If there is only
// one, it is the default.
func (w *wizard) saySessions() {
	if w.Ask == nil || w.Session.Given || len(w.Config.Sessions) < 2 {
		return
	}
	var names []string
	for _, s := range w.Config.Sessions {
		names = append(names, s.Name)
	}
	w.Say("Configured SSO sessions: " + strings.Join(names, ", "))
}

// defaultSession returns the profile's session, or the only one that is configured. A
// legacy profile has none.
func (w *wizard) defaultSession() string {
	if name := w.current.Get("sso_session"); name != "" || w.current.Get("sso_start_url") != "" {
		return name
	}
	if len(w.Config.Sessions) == 1 {
		return w.Config.Sessions[0].Name
	}
	return ""
}

// askStartURL asks for the start URL and region if the session lacks them. A vanity URL
// determines the region.
func (w *wizard) askStartURL(ctx context.Context) error {
	s, legacy := &w.session, w.session.Name == ""
	q := prompt.Question{Label: "SSO start URL", Check: func(s string) error { return checkStartURL(completeStartURL(s)) }}
	if legacy {
		q.Current = w.current.Get("sso_start_url")
	}
	var leads Resolved
	for s.StartURL == "" || w.StartURL.Given {
		typed, err := w.ask(ctx, w.StartURL, q)
		if err != nil {
			return err
		}
		url := completeStartURL(typed)
		if url != typed {
			w.Say("Using the start URL " + url)
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

// askScopes asks for a new session's scopes.
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

// minRemaining is how long a token from an earlier sign-in must still be valid to be used,
// as in the AWS CLI.
const minRemaining = 15 * time.Minute

// signIn signs in, unless the session has a valid token from an earlier sign-in.
func (w *wizard) signIn(ctx context.Context) error {
	if !w.newShape {
		path, err := awscache.TokenPath(w.Env.HomeDir(), w.session.CacheKey())
		if err != nil {
			return err
		}
		token, err := awscache.ReadTokenFor(path, w.session.StartURL)
		if err == nil && token.Live(w.Now().Add(minRemaining)) {
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

// SignedIn is the result of SignIn.
type SignedIn struct {
	Session awsconfig.Session
	Keys    []awsconfig.Key // keys to write in the session's section; nil: none
	Token   awscache.Token
	Reused  bool // the token comes from an earlier sign-in

	wizard *wizard
}

// SignIn determines the SSO session like Run, and signs in unless an earlier sign-in is
// still valid. It writes only the token. If only one session is configured, it is used
// without a question. The errors are those of Run.
func SignIn(ctx context.Context, in Input) (SignedIn, error) {
	w := newWizard(in)
	w.named = "" // no profile is configured
	if !w.Session.Given && len(w.Config.Sessions) == 1 {
		w.Session = Answer{Value: w.Config.Sessions[0].Name, Given: true}
	}
	if err := w.checkGiven(); err != nil {
		return SignedIn{}, err
	}
	if err := w.checkSession(); err != nil {
		return SignedIn{}, err
	}
	if err := awsconfig.CheckEdit(in.Config.Paths.Config); err != nil {
		return SignedIn{}, err
	}
	if err := w.askSession(ctx); err != nil {
		return SignedIn{}, w.describeInterrupt(err)
	}
	if w.session.Name == "" {
		return SignedIn{}, errNoSession
	}
	// A session from an unfinished run is not in the configuration yet.
	w.newShape = w.newShape && w.known != nil
	return w.signedIn(w.signIn(ctx))
}

// SignInAgain signs in again even though the token of an earlier sign-in has not expired.
func (s SignedIn) SignInAgain(ctx context.Context) (SignedIn, error) {
	return s.wizard.signedIn(s.wizard.signInAfresh(ctx))
}

// ErrSessionEnded means that the portal rejected the token, and that a refresh did not
// replace it.
var ErrSessionEnded = errors.New("the SSO session has ended")

// refreshWait is how long a refresh waits for a refresh by another process.
const refreshWait = 10 * time.Second

// AccessToken returns the token of the sign-in. If the portal has refused that one, it
// returns the current token of the session, which client refreshes if needed. o has the
// paths of the token file and of its lock.
func (s SignedIn) AccessToken(ctx context.Context, client *awsclient.Client, o awscache.RefreshOptions, refused secret.Secret) (secret.Secret, error) {
	if refused.Empty() {
		return s.Token.AccessToken, nil
	}
	now := s.wizard.Now
	o.StartURL, o.Stale, o.Now, o.LockUntil = s.Session.StartURL, refused, now, now().Add(refreshWait)
	o.Request = func(ctx context.Context, t awscache.Token) (awscache.Grant, error) {
		return client.Refresh(ctx, s.Session.Region, t)
	}
	token, _, err := awscache.LiveToken(ctx, o)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("%w (%w)", ErrSessionEnded, err)
	}
	return token.AccessToken, nil
}

func (w *wizard) signedIn(err error) (SignedIn, error) {
	if err != nil {
		return SignedIn{}, w.describeInterrupt(err)
	}
	return SignedIn{w.session, w.sessionKeys(), w.token, w.reused, w}, nil
}

// Command returns the user's command, which continues after an error.
func (s SignedIn) Command() string { return s.wizard.resumeCommand() }

var errNoSession = &AnswerError{"--sso-session", errors.New("--all needs an SSO session with a name")}

// checkSession returns an error listing all missing answers about the session if there is
// no terminal.
func (w *wizard) checkSession() error {
	if w.Ask != nil {
		return nil
	}
	name := w.current.Get("sso_session")
	if w.Session.Given {
		name = w.Session.Value
	}
	known, ok := w.Config.Session(name)
	if !ok {
		known = &awsconfig.Session{}
	}
	var missing []string
	for _, need := range []struct {
		flag, current string
		given         bool
	}{
		{"--sso-session", name, w.Session.Given}, {"--start-url", known.StartURL, w.StartURL.Given}, {"--sso-region", known.Region, w.SSORegion.Given},
	} {
		if !need.given && need.current == "" {
			missing = append(missing, need.flag)
		}
	}
	if missing != nil {
		return &MissingAnswersError{missing}
	}
	return nil
}
