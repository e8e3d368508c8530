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
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Target selects an SSO session of the AWS configuration: the session of a profile, or
// the sso-session with a name. Set at most one of the two.
type Target struct {
	Profile    string
	SSOSession string
}

// SignInOptions select the session and the way to sign in. With a zero Target the session
// is that of AWS_PROFILE, or of the default profile, or the only one configured.
type SignInOptions struct {
	Target

	// IfNeeded does nothing while the session's token is valid, and renews the token
	// where that is possible. Only if it is not possible does the user sign in.
	IfNeeded bool
	// DeviceCode uses the device code flow, which also works with a browser on another
	// machine. Without it, this flow is used only if no browser can be opened.
	DeviceCode bool
	// NoBrowser prints the URL instead of opening the browser.
	NoBrowser bool
	// Unattended says that a user may not be present, as in a process without a
	// terminal. Then only the program in BROWSER is opened, and a device code is shown
	// only with DeviceCode or NoBrowser.
	Unattended bool

	// Output gets the text for the user: URLs and the device code. nil drops it. On a
	// terminal (an *os.File) they stand out, unless NO_COLOR is set.
	Output io.Writer
	// Opening is called before a browser opens, and Opened after it has started, with the
	// page that it should show. Each replaces its text in Output; nil does not.
	Opening func()
	Opened  func(url string)
	// Waiting is called when the sign-in starts to wait for the user, with the time when
	// it gives up. The function that it returns is called when the wait ends. May be nil.
	Waiting func(until time.Time) (done func())
}

// SignedIn is the result of a sign-in.
type SignedIn struct {
	Session   string    // its name; empty for a legacy profile
	StartURL  string    // as configured
	ExpiresAt time.Time // of the session's token; it may be renewable
	Region    string    // the session's region
	// Renewed reports whether no sign-in was needed: the token was valid or was renewed
	// (SignInOptions.IfNeeded).
	Renewed bool
	// Moved reports whether the start URL led to another region than the configured one.
	// The new region has been saved in the AWS configuration.
	Moved bool
}

// SignIn signs the user in to an SSO session, like the command `login`. It saves the
// token where the AWS CLI reads it. It erases the ECR logins and role credentials of
// earlier sign-ins to the session.
func (h *Helper) SignIn(ctx context.Context, options SignInOptions) (SignedIn, error) {
	t, err := h.target("login", options.Target)
	if err != nil {
		return SignedIn{}, err
	}
	session, err := t.session()
	if err != nil {
		return SignedIn{}, err
	}
	result := SignedIn{Session: session.Name, StartURL: session.StartURL, Region: session.Region}
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
	file, err := awscache.TokenPath(t.home, awsconfig.SSO{Session: session.Name, StartURL: session.StartURL}.CacheKey())
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

// signInInput returns what every sign-in to a session needs.
func (h *Helper) signInInput(o SignInOptions, session awsconfig.Session, client *awsclient.Client, cache *tokencache.Cache, tokenFile string) login.Input {
	return login.Input{
		Session: session, Home: h.env.HomeDir(), Device: o.DeviceCode, NoBrowser: o.NoBrowser,
		OIDC: client, HTTP: client.Web(), Browser: login.Browser{Env: h.env, Terminal: !o.Unattended}, Screen: newScreen(o, h.env), Now: h.now, Logins: cache,
		LoginLock: cache.LockPath("login", tokenFile), TokenLock: cache.LockPath("session", tokenFile),
	}
}

// screen shows a sign-in through SignInOptions.
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

// Opening calls the function in SignInOptions.
func (s screen) Opening(session string) {
	if s.options.Opening == nil {
		s.Lines.Opening(session)
		return
	}
	s.options.Opening()
}

// Opened calls the function in SignInOptions.
func (s screen) Opened(url string) {
	if s.options.Opened == nil {
		s.Lines.Opened(url)
		return
	}
	s.options.Opened(url)
}

// Waiting calls the function in SignInOptions.
func (s screen) Waiting(until time.Time) func() {
	if s.options.Waiting == nil {
		return func() {}
	}
	return s.options.Waiting(until)
}

// sessionUntil returns when the token of an SSO session expires. Like Get, it first
// refreshes a token that is due. The error says why the session needs a sign-in. The
// endpoint and certificate settings are those of profile.
func (h *Helper) sessionUntil(ctx context.Context, session awsconfig.Session, profile string) (time.Time, error) {
	st, err := h.load()
	if err != nil {
		return time.Time{}, err
	}
	token, err := h.sessionToken(st, session, profile)
	if err != nil {
		return time.Time{}, err
	}
	return token.withDeadline(ctx)
}

// SignedOut is a session whose token was removed.
type SignedOut struct {
	Session  string // its name; empty for a legacy profile, or if it is not in the AWS configuration
	StartURL string
	// Portal is the error of the call that ends the session at AWS; nil if it succeeded.
	// The token is removed in both cases.
	Portal error
}

// SignOut signs the user out of the session that t selects, or of all sessions, like the
// command `logout`. It ends the sessions at AWS, removes the tokens and the role
// credentials that the AWS CLI caches, and erases the ECR logins. A session without a
// token is not an error. The error names the files that could not be removed; the result
// is valid even with an error.
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
	// No get returns a login of a removed sign-in. This also removes the files.
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

// SignInRequest describes a Get that waits for a sign-in.
type SignInRequest struct {
	Session Session // which is missing, expired or revoked
	Profile string  // of the session
	Host    string  // of the registry

	run func(context.Context, SignInOptions) error
}

// SignIn signs the user in. All processes that wait for the session share one sign-in. A
// failed one is not repeated within a minute. The sign-in must complete within 50 seconds
// from the start of the Get, because BuildKit stops a helper after 60. Target and IfNeeded
// are ignored. If no browser can be opened on this machine, the error is ErrNoUser, unless
// DeviceCode is set.
func (r SignInRequest) SignIn(ctx context.Context, options SignInOptions) error {
	return r.run(ctx, options)
}

// ErrNoUser is the error of a function given to WithSignIn if no user can sign in.
var ErrNoUser = errors.New("no user can be asked to sign in")

// signInDeadline limits a get with a sign-in: BuildKit stops a helper after 60 s.
const signInDeadline = 58 * time.Second

// askForSignIn lets the user sign in to the session that err is about. It returns err if
// no user can sign in.
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

// mayAsk reports whether a sign-in would fix err and the user has not turned it off.
func (h *Helper) mayAsk(req *request, err error) bool {
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
		_, err := login.Shared(ctx, login.SharedInput{Input: in, Started: started, Client: programs.ParentID(), Stale: req.stale})
		if errors.Is(err, login.ErrNoLock) { // without a lock each process would open a browser
			return fmt.Errorf("%w: %w", ErrNoUser, err)
		}
		return err
	}
	return r, true
}

// clientError adds the command that fixes it to an error of creating the client.
func clientError(err error) error {
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok && fault.Variable != "" {
		return hint.With(err, hint.UnsetCommand(fault.Variable))
	}
	return err
}
