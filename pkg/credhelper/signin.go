package credhelper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Target selects an SSO session of the AWS configuration: the session of a profile, or
// the sso-session of that name. Only one of the two may be set.
type Target struct {
	Profile    string
	SSOSession string
}

// SignInOptions say what to sign in to and how. Without a Target it is the session of
// AWS_PROFILE, or of the default profile, or the only one in the AWS configuration.
type SignInOptions struct {
	Target

	// IfNeeded renews the session's token instead where that is possible, and does
	// nothing while the token is valid.
	IfNeeded bool
	// DeviceCode uses the device code flow, which also works with the browser of
	// another machine. Otherwise it is used where no browser can be opened.
	DeviceCode bool
	// NoBrowser prints the address instead of opening the browser.
	NoBrowser bool
	// Unattended says that no user is known to be present, as in a process without a
	// terminal: then only the program in BROWSER is opened, and a device code is shown
	// only with DeviceCode or NoBrowser.
	Unattended bool

	// Output receives what the user has to read: addresses and the device code, as
	// lines of text. nil drops it.
	Output io.Writer
	// Waiting is called when the sign-in waits for the user, until the given time at
	// the latest. The function that it returns is called when the wait ends. May be nil.
	Waiting func(until time.Time) (done func())
}

// SignedIn is the result of a sign-in.
type SignedIn struct {
	StartURL  string    // as configured
	ExpiresAt time.Time // of the session's token, which may be renewable
	Region    string    // the session's region
	// Renewed reports that the user was not asked: the token was valid, or could be
	// renewed (SignInOptions.IfNeeded).
	Renewed bool
	// Moved reports that the start URL led to another Region than the AWS
	// configuration had. The configuration has been changed.
	Moved bool
}

// SignIn signs the user in to an SSO session, as the command `login` does. The token is
// saved where the AWS CLI reads it. ECR logins and role credentials of an earlier
// sign-in to the session are erased.
func (h *Helper) SignIn(ctx context.Context, options SignInOptions) (SignedIn, error) {
	t, err := h.target("login", options.Target)
	if err != nil {
		return SignedIn{}, err
	}
	session, err := t.session()
	if err != nil {
		return SignedIn{}, err
	}
	result := SignedIn{StartURL: session.StartURL, Region: session.Region}
	if options.IfNeeded {
		until, err := h.sessionUntil(ctx, session, t.connection(session))
		if err == nil {
			result.ExpiresAt, result.Renewed = until, true
			return result, nil
		}
		h.log.Debug("session needs a sign-in", "error", awsclient.Quiet(err))
	}
	client, err := t.client(session)
	if err != nil {
		return SignedIn{}, err
	}
	file, err := ssotoken.Path(t.home, awsconfig.SSO{Session: session.Name, StartURL: session.StartURL}.CacheKey())
	if err != nil {
		return SignedIn{}, err
	}
	cache := tokencache.Open(h.env.CacheDir(), h.now)
	in := h.signInInput(options, session, client, cache, file)
	in.Config, in.Profile = t.config, t.profile
	token, err := login.Login(ctx, in)
	if err != nil {
		return SignedIn{}, err
	}
	result.ExpiresAt = token.ExpiresAt
	if token.Region != session.Region {
		result.Region, result.Moved = token.Region, true
		err = t.saveRegion(session, token.Region)
	}
	return result, err
}

// signInInput is what every sign-in to a session needs.
func (h *Helper) signInInput(o SignInOptions, session awsconfig.Session, client *awsclient.Client, cache *tokencache.Cache, tokenFile string) login.Input {
	return login.Input{
		Session: session, Home: h.env.HomeDir(), Device: o.DeviceCode, NoBrowser: o.NoBrowser,
		OIDC: client, HTTP: client.Web(), Browser: login.Browser{Env: h.env, Terminal: !o.Unattended}, Screen: newScreen(o), Now: h.now, Logins: cache,
		LoginLock: cache.LockPath("login", tokenFile), TokenLock: cache.LockPath("session", tokenFile),
	}
}

// screen shows a sign-in through SignInOptions.
type screen struct {
	login.Plain
	waiting func(time.Time) func()
}

func newScreen(o SignInOptions) screen {
	s := screen{login.Plain{W: o.Output}, o.Waiting}
	if s.W == nil {
		s.W = io.Discard
	}
	return s
}

// Waiting passes the wait on.
func (s screen) Waiting(until time.Time) func() {
	if s.waiting == nil {
		return func() {}
	}
	return s.waiting(until)
}

// sessionUntil returns when the token of an SSO session expires. A token that is due
// is refreshed first, as in Get. The error says why the session needs a sign-in.
// profile is the profile whose endpoint and certificate settings are used.
func (h *Helper) sessionUntil(ctx context.Context, session awsconfig.Session, profile string) (time.Time, error) {
	st, err := h.load()
	if err != nil {
		return time.Time{}, err
	}
	token, err := h.sessionToken(st, session, profile)
	if err != nil {
		return time.Time{}, err
	}
	return token.until(ctx)
}

// SignedOut is a session whose token was removed.
type SignedOut struct {
	Session  string // its name; empty for a legacy profile, or if it is not in the AWS configuration
	StartURL string
	// Portal is why AWS was not told; nil when it was. The token is removed all the same.
	Portal error
}

// SignOut signs the user out of the session that t selects, or of all sessions, as the
// command `logout` does: it tells AWS, removes the tokens and the role credentials that
// the AWS CLI caches, and erases the ECR logins. A session without a token is not an
// error. The error names files that could not be removed; the result is valid with it.
func (h *Helper) SignOut(ctx context.Context, t Target) ([]SignedOut, error) {
	target, err := h.target("logout", t)
	if err != nil {
		return nil, err
	}
	cache := tokencache.Open(h.env.CacheDir(), h.now)
	in := login.LogoutInput{
		Home: target.home, Config: target.config,
		Portal:    func(s awsconfig.Session) (login.Portal, error) { return target.client(s) },
		TokenLock: func(tokenFile string) string { return cache.LockPath("session", tokenFile) },
	}
	if t != (Target{}) {
		session, err := target.session()
		if err != nil {
			return nil, err
		}
		if in.Session = session.Name; session.Name == "" {
			in.StartURL = session.StartURL
		}
	}
	report, err := login.Logout(ctx, in)
	// Logins of the removed sign-in are not answered any more. This removes their files.
	cache.EraseSessions()
	for _, dir := range []string{"sso", "cli"} { // temporary files of processes that were killed
		if path, err := env.AWSFile(target.home, dir, "cache"); err == nil {
			safefile.Sweep(path, time.Now().Add(-time.Minute))
		}
	}
	var out []SignedOut
	for _, token := range report.Tokens {
		out = append(out, SignedOut{Session: token.Session, StartURL: token.StartURL, Portal: token.Portal})
	}
	return out, err
}

// SignInRequest is a Get that waits for a sign-in.
type SignInRequest struct {
	Session Session // that is missing, expired or revoked
	Profile string  // of the session
	Host    string  // of the registry

	run func(context.Context, SignInOptions) error
}

// SignIn signs the user in. All processes that wait for the session share one sign-in,
// and one that failed is not repeated within a minute. The browser has to answer within
// 50 seconds from the beginning of the Get, since BuildKit stops a helper after 60. Target
// and IfNeeded are not used. Without a browser on this machine the error is ErrNoUser,
// unless DeviceCode is set.
func (r SignInRequest) SignIn(ctx context.Context, options SignInOptions) error {
	return r.run(ctx, options)
}

// WithSignIn lets a Get whose SSO session is missing or expired sign the user in. ask
// decides whether a user can be asked: it calls r.SignIn, or returns ErrNoUser, and then
// Get's error is the session's. Any other error of ask is Get's. It is not called for
// ECR Public unless the profile was named (in a mapping or by AWS_PROFILE), for a client
// that asks about every registry (WithClient), when CI is set, nor when ECR_SSO_LOGIN or
// the settings file say never.
func WithSignIn(ask func(ctx context.Context, r SignInRequest) error) Option {
	return func(h *Helper) { h.signIn = ask }
}

// ErrNoUser is returned by the function given to WithSignIn when no user can sign in.
var ErrNoUser = errors.New("no user can be asked to sign in")

// signInDeadline bounds a get with a sign-in in it: BuildKit gives a helper 60 s.
const signInDeadline = 58 * time.Second

// askForSignIn has the user sign in to the session that err says is dead. It returns err
// when no user can be asked.
func (h *Helper) askForSignIn(ctx context.Context, req *request, started time.Time, err error) error {
	if !h.mayAsk(req, err) {
		return err
	}
	r, ok := h.signInRequest(req, started)
	if !ok {
		return err
	}
	switch asked := h.signIn(ctx, r); {
	case errors.Is(asked, ErrNoUser):
		return err
	case asked != nil && req.reg.Service == registry.Public && !errors.Is(asked, context.Canceled):
		return &AnonymousError{Reason: asked}
	default:
		return asked
	}
}

// mayAsk reports whether a sign-in fixes the error, and the user has not turned it off.
func (h *Helper) mayAsk(req *request, err error) bool {
	dead := errors.Is(err, ErrNotSignedIn) || errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrSessionRevoked)
	if h.signIn == nil || !dead || req.reg.Service == registry.Public && !req.choice.Named() || h.passesOver() {
		return false
	}
	if h.env.Get(env.CI) != "" {
		return false
	}
	value := h.env.Get(env.SSOLogin)
	if value == "" {
		value = req.st.settings.Login
	}
	return value == settings.LoginAuto // an invalid value is not permission
}

func (h *Helper) signInRequest(req *request, started time.Time) (SignInRequest, bool) {
	session, ok, err := req.st.config.SessionOf(req.sso.Profile)
	if err != nil || !ok {
		return SignInRequest{}, false
	}
	client, err := req.st.client()
	if err == nil {
		client, err = client.WithProfile(req.choice.Profile)
	}
	if err != nil {
		return SignInRequest{}, false
	}
	r := SignInRequest{Session: *req.sessionState(), Profile: req.sso.Profile, Host: req.reg.Host}
	r.run = func(ctx context.Context, o SignInOptions) error {
		in := h.signInInput(o, session, client, req.st.cache, req.tokenFile)
		in.Config, in.Profile = req.st.config, req.sso.Profile
		if o.DeviceCode {
			in.Timeout = login.SharedTime - h.now().Sub(started)
			_, err := login.Login(ctx, in)
			return err
		}
		if err := in.Browser.CanOpen(); err != nil {
			return fmt.Errorf("%w: %w", ErrNoUser, err)
		}
		_, err := login.Shared(ctx, login.SharedInput{Input: in, Started: started, Stale: req.stale})
		if errors.Is(err, login.ErrNoLock) { // without a lock each process would open a browser
			return fmt.Errorf("%w: %w", ErrNoUser, err)
		}
		return err
	}
	return r, true
}

// clientError adds the command to an error of making the client.
func clientError(err error) error {
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok && fault.Variable != "" {
		return hint.With(err, hint.UnsetCommand(fault.Variable))
	}
	return err
}
