package credhelper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Target selects an SSO session in the AWS configuration, either by profile or by
// sso-session name. Set at most one field. For SignIn and Prefetch, the zero Target is the
// session of AWS_PROFILE, of the default profile, or the only configured session; for
// SignOut, it is all sessions.
type Target struct {
	Profile    string
	SSOSession string
}

// SignInOptions selects the sign-in method.
type SignInOptions struct {
	// IfNeeded skips the sign-in if the session's token is valid or can be refreshed.
	IfNeeded bool
	// DeviceCode selects the device code flow, which also works with a browser on another
	// machine. Otherwise, this flow is used only if no browser can be opened.
	DeviceCode bool
	// NoBrowser prints the URL instead of opening a browser.
	NoBrowser bool
	// Unattended means that a user may not be present, for example in a process without a
	// terminal. Then only the program in BROWSER is opened, and a device code is shown only
	// with DeviceCode or NoBrowser.
	Unattended bool

	// Output receives the messages for the user: URLs and the device code. nil discards
	// them. On a terminal (an *os.File), URLs and codes are highlighted unless NO_COLOR is
	// set.
	Output io.Writer
	// BrowserOpening is called before a browser is opened. BrowserOpened is called after it
	// has started, with the URL of the page. Each one replaces its message in Output; nil
	// keeps the message.
	BrowserOpening func()
	BrowserOpened  func(url string)
	// WaitStarted is called when the sign-in starts to wait for the user, with the time
	// when the wait ends. SignIn then calls done. May be nil.
	WaitStarted func(until time.Time) (done func())
}

// SignedIn is the result of a sign-in.
type SignedIn struct {
	Session   string    // session name; empty for a legacy profile
	StartURL  string    // the configured start URL
	ExpiresAt time.Time // expiry of the session's token, which may be refreshable
	Region    string    // session region
	// AlreadySignedIn reports whether no sign-in was needed because the token was valid or
	// could be refreshed (SignInOptions.IfNeeded).
	AlreadySignedIn bool
	// RegionChanged reports whether the start URL led to a different region than the
	// configured one. The new region was saved in the AWS configuration.
	RegionChanged bool
}

// SignIn signs in the user to the session selected by t, like the login command. It saves
// the token in the AWS CLI's cache, and erases the ECR logins and role credentials of
// earlier sign-ins to the session.
func (h *Helper) SignIn(ctx context.Context, t Target, options SignInOptions) (SignedIn, error) {
	target, err := h.target("login", t)
	if err != nil {
		return SignedIn{}, err
	}
	session, err := target.session()
	if err != nil {
		return SignedIn{}, err
	}
	result := SignedIn{Session: session.Name, StartURL: session.StartURL, Region: session.Region}
	if options.IfNeeded {
		until, err := h.sessionUntil(ctx, session, target.connection(session))
		if err == nil {
			result.ExpiresAt, result.AlreadySignedIn = until, true
			return result, nil
		}
		h.log.Debug("session needs a sign-in", "error", awsclient.Quiet(err))
	}
	client, err := target.client(session)
	if err != nil {
		return SignedIn{}, err
	}
	file, err := awscache.TokenPath(target.home, session.CacheKey())
	if err != nil {
		return SignedIn{}, err
	}
	cache := tokencache.Open(h.env.CacheDir(), h.now)
	in := h.signInInput(options, session, client, cache, file)
	in.Config, in.Profile = target.config, target.profile
	token, err := login.Login(ctx, in)
	if err != nil {
		return SignedIn{}, err
	}
	result.ExpiresAt = token.ExpiresAt
	if token.Region != session.Region {
		result.Region, result.RegionChanged = token.Region, true
		err = target.saveRegion(session, token.Region)
	}
	return result, err
}

// signInInput returns the input that all sign-ins to a session share.
func (h *Helper) signInInput(o SignInOptions, session awsconfig.Session, client *awsclient.Client, cache *tokencache.Cache, tokenFile string) login.Input {
	return login.Input{
		Session: session, Home: h.env.HomeDir(), Device: o.DeviceCode, NoBrowser: o.NoBrowser,
		OIDC: client, HTTP: client.Web(), Browser: login.Browser{Env: h.env, Terminal: !o.Unattended}, Screen: newScreen(o, h.env), Now: h.now, Logins: cache,
		LoginLock: cache.SignInLock(tokenFile), TokenLock: cache.TokenLock(tokenFile),
	}
}

// screen displays a sign-in according to SignInOptions.
type screen struct {
	login.Lines
	options SignInOptions
}

func newScreen(o SignInOptions, e env.Set) screen {
	s := screen{login.Lines{W: o.Output}, o}
	if s.W == nil {
		s.W = io.Discard
	}
	if f, ok := o.Output.(*os.File); ok {
		s.Style, s.Width = style.Of(f, e), func() int { return style.Width(f) }
	}
	return s
}

// BrowserOpening implements login.Screen.
func (s screen) BrowserOpening(session string) {
	if s.options.BrowserOpening == nil {
		s.Lines.BrowserOpening(session)
		return
	}
	s.options.BrowserOpening()
}

// BrowserOpened implements login.Screen.
func (s screen) BrowserOpened(url string) {
	if s.options.BrowserOpened == nil {
		s.Lines.BrowserOpened(url)
		return
	}
	s.options.BrowserOpened(url)
}

// WaitStarted implements login.Screen.
func (s screen) WaitStarted(until time.Time) func() {
	if s.options.WaitStarted == nil {
		return func() {}
	}
	return s.options.WaitStarted(until)
}

// sessionUntil returns the expiry of an SSO session's token. Like Get, it first refreshes a
// token that is due. The error is the reason why a sign-in is needed. Endpoint and
// certificate settings come from profile.
func (h *Helper) sessionUntil(ctx context.Context, session awsconfig.Session, profile string) (time.Time, error) {
	st, err := h.state()
	if err != nil {
		return time.Time{}, err
	}
	saved, err := h.sessionToken(st, session, profile)
	if err != nil {
		return time.Time{}, err
	}
	token, _, err := saved.live(ctx, secret.Secret{}, h.now().Add(lockWait))
	return token.ExpiresAt, err
}

// SignedOut is a session that the user signed out of.
type SignedOut struct {
	Session  string // session name; empty for a legacy profile or an unknown session
	StartURL string
	// PortalErr is the error of the call that ends the session at AWS; nil if it succeeded.
	// The token is removed in both cases.
	PortalErr error
}

// SignOut signs out of the session selected by t, like the logout command. It ends the
// session at AWS, removes the token and the role credentials cached by the AWS CLI, and
// erases the ECR logins. A session without a token is not an error. The error names the
// files that could not be removed; the result is valid in any case.
func (h *Helper) SignOut(ctx context.Context, t Target) ([]SignedOut, error) {
	target, err := h.target("logout", t)
	if err != nil {
		return nil, err
	}
	cache := tokencache.Open(h.env.CacheDir(), h.now)
	in := login.LogoutInput{
		Home: target.home, Config: target.config,
		Portal:    func(s awsconfig.Session) (login.Portal, error) { return target.client(s) },
		TokenLock: cache.TokenLock,
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
	// Get no longer returns logins of a removed sign-in. This also removes their files.
	cache.EraseSessions()
	for _, dir := range []string{"sso", "cli"} { // temporary files of killed processes
		if path, err := env.AWSFile(target.home, dir, "cache"); err == nil {
			safefile.Sweep(path, time.Now().Add(-time.Minute))
		}
	}
	var out []SignedOut
	for _, token := range report.Tokens {
		out = append(out, SignedOut{Session: token.Session, StartURL: token.StartURL, PortalErr: token.PortalErr})
	}
	return out, err
}

// SignInRequest describes a Get that needs a sign-in.
type SignInRequest struct {
	Session Session // missing, expired or revoked
	Profile string  // a profile of the session
	Host    string  // the registry

	run func(context.Context, SignInOptions) error
}

// SignIn signs in the user. All processes that wait for the session share one sign-in. A
// failed sign-in is not repeated within a minute. The sign-in must complete within 50
// seconds from the start of the Get, because BuildKit stops a helper after 60. IfNeeded has
// no effect. If no browser can be opened on this machine, SignIn returns ErrNoUser, unless
// DeviceCode is set.
func (r SignInRequest) SignIn(ctx context.Context, options SignInOptions) error {
	return r.run(ctx, options)
}

// ErrNoUser is returned by a WithSignIn function if no user can sign in.
var ErrNoUser = errors.New("no user can be asked to sign in")

// signInDeadline limits a get with a sign-in: BuildKit stops a helper after 60 s.
const signInDeadline = 58 * time.Second

// offerSignIn lets the user sign in to the session that err is about. It returns err if no
// user can sign in.
func (h *Helper) offerSignIn(ctx context.Context, req *request, started time.Time, err error) error {
	if !h.canOfferSignIn(req, err) {
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

// canOfferSignIn reports whether a sign-in would fix err and sign-ins are enabled.
func (h *Helper) canOfferSignIn(req *request, err error) bool {
	ended := errors.Is(err, ErrNotSignedIn) || errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrSessionRevoked)
	if h.signIn == nil || !ended || req.reg.Service == registry.Public && !req.choice.Named() || h.returnsNotFound() {
		return false
	}
	if h.env.Get(env.CI) != "" {
		return false
	}
	value := h.env.Get(env.SSOLogin)
	if value == "" {
		value = req.st.settings.Login
	}
	return value == settings.LoginAuto // an invalid value does not enable sign-ins
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
		_, err := login.Shared(ctx, login.SharedInput{Input: in, Started: started, Client: programs.ParentID(), Stale: req.stale})
		if errors.Is(err, login.ErrNoLock) { // without a lock, each process would open a browser
			return fmt.Errorf("%w: %w", ErrNoUser, err)
		}
		return err
	}
	return r, true
}
