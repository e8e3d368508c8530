package configure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

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

// Anew signs in again even though the token of an earlier sign-in has not expired.
func (s SignedIn) Anew(ctx context.Context) (SignedIn, error) {
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
