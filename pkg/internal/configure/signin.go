package configure

import (
	"context"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
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
