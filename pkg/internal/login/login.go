// Package login signs in to and out of AWS IAM Identity Center. It implements the
// authorization code flow with PKCE and its loopback callback, the device code flow, client
// registrations in ~/.aws/sso/cache, and a shared sign-in for many processes.
//
// It does not read the AWS configuration or the environment, does not write to a terminal
// (a Screen does), and never passes a secret to a child process, a page or an error. The
// login, logout and configure commands use it, and so does get if a user is present.
package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// OIDC is the sign-in service, implemented by *awsclient.Client. Its errors are
// *awsclient.Fault. The two Token methods do not retry.
type OIDC interface {
	RegisterClient(ctx context.Context, region string, in awsclient.RegisterInput) (awsclient.Registration, error)
	StartDevice(ctx context.Context, region string, reg awsclient.Registration, startURL string) (awsclient.Device, error)
	TokenByDevice(ctx context.Context, region string, reg awsclient.Registration, deviceCode secret.Secret) (awscache.Grant, error)
	TokenByCode(ctx context.Context, region string, reg awsclient.Registration, code secret.Secret, redirectURI string, verifier secret.Secret) (awscache.Grant, error)
	OIDCEndpoint(region string) (string, error)
}

// Opener opens pages in the user's browser. Browser implements it.
type Opener interface {
	// CanOpen returns nil, or a *NoBrowserError if no browser can open here.
	CanOpen() error
	// Open returns after the browser has started, which can take some seconds, or an error.
	// The browser must load the page before ctx ends.
	Open(ctx context.Context, page string) error
}

// Logins are the cached ECR logins. *tokencache.Cache implements it.
type Logins interface {
	// EraseSession removes the logins of all sign-ins to a session except one.
	EraseSession(tokenFile, but string)
}

// Input selects the session to sign in to, and how.
type Input struct {
	// Session is the sso-session. Without a Name, StartURL and Region are those of a legacy
	// profile.
	Session awsconfig.Session
	Profile string // the profile that the user specified, for hints; "": none
	Home    string // the directory that contains .aws

	Device    bool // use the device code flow
	NoBrowser bool // show the URL instead of opening it

	OIDC    OIDC
	Browser Opener
	Screen  Screen
	HTTP    *http.Client // follows a vanity start URL; nil: use the start URL unchanged
	Now     func() time.Time

	// A new sign-in removes the old one's cached Logins and its role credentials, which
	// Config identifies. Each may be nil.
	Logins Logins
	Config *awsconfig.Config

	// LoginLock and TokenLock are our lock files; "" if there is no directory for them (see
	// awscache.LockToken). LoginLock is held during the whole sign-in, TokenLock while the
	// token is written. awscache.RefreshToken also takes TokenLock.
	LoginLock, TokenLock string

	// Timeout limits the user's time in the browser; 0 means ten minutes.
	Timeout time.Duration

	// listen replaces the loopback port in tests with a clock of their own.
	listen func() (net.Listener, error)
}

// Limits of a sign-in.
const (
	defaultTimeout = 10 * time.Minute
	// loginLockTimeout is how long a login waits for another sign-in to the same session
	// before it continues without the lock. A get's sign-in ends sooner.
	loginLockTimeout = time.Minute
	// fetchTimeout is the limit for fetching the token, even after the user's time has
	// ended: without the token, the user would have to sign in again.
	fetchTimeout = 10 * time.Second
	// tokenLockTimeout is how long saving waits for a token refresh; saveTime is the time
	// reserved for saving.
	tokenLockTimeout = 2 * time.Second
	saveTime         = 500 * time.Millisecond
)

// Login signs in, saves the new token in the AWS CLI's token file with the same bytes as
// the AWS CLI, and returns it. The token's region is the one that was used: a vanity start
// URL can lead to a different region than the configured one.
//
// Login uses the authorization code flow with PKCE. It uses the device code flow for a
// legacy start URL, if Device is set, or if there is no browser (which it reports on the
// screen). With CI set or without a terminal, it immediately returns a *NoBrowserError,
// unless Device or NoBrowser is set or the browser can open anyway. If another process
// signed in while this one waited for it, Login returns that token.
//
// The errors contain the command to run (hint.Next) and wrap their cause: ErrTimeout,
// *RefusedError, ErrNoBrowser, *awsclient.Fault. If ctx was canceled, the error is
// context.Canceled and ctx's cause, without a command. If only saving the token failed,
// Login returns both the token and the error.
func Login(ctx context.Context, in Input) (awscache.Token, error) {
	f, err := newFlow(ctx, in)
	if err != nil {
		return awscache.Token{}, err
	}
	before, _ := awscache.ReadToken(f.tokenFile)
	held, waited := f.lock(ctx)
	defer held.Unlock()
	if waited {
		now, err := awscache.ReadTokenFor(f.tokenFile, f.in.Session.StartURL)
		if err == nil && now.Live(f.in.Now()) && !now.AccessToken.Equal(before.AccessToken) {
			return now, nil
		}
	}
	token, err := f.signIn(ctx)
	if err != nil { // a denied sign-in leaves no files
		held.Remove()
	}
	return token, err
}

// flow is one sign-in.
type flow struct {
	in        Input
	tokenFile string
	startURL  string // sent to the service: in.Session.StartURL, or the target of a vanity URL
	region    string
	codeOnly  bool // a get cannot show a device code
	// saveClient saves the registration that the token belongs to; nil if it is already
	// saved.
	saveClient func()
	// caller is the context passed to Login or Shared. Its cancellation means that the user
	// stopped the program, even after the user's time has ended.
	caller context.Context
	// Deadlines for fetching the token and for the whole sign-in; zero for Login.
	fetchBy, end time.Time
}

func newFlow(ctx context.Context, in Input) (*flow, error) {
	if in.Now == nil {
		in.Now = time.Now
	}
	if in.listen == nil {
		in.listen = listenLoopback
	}
	if in.Timeout <= 0 {
		in.Timeout = defaultTimeout
	}
	f := &flow{in: in, startURL: in.Session.StartURL, region: in.Session.Region, caller: ctx}
	if in.Session.StartURL == "" || in.Session.Region == "" {
		return nil, f.configureHint(fmt.Errorf("%s has no start URL or no region", f.label()))
	}
	u, err := url.Parse(in.Session.StartURL)
	if err != nil || u.Host == "" || u.Scheme != "https" {
		return nil, f.configureHint(fmt.Errorf("start URL of %s does not use https", f.label()))
	}
	// Check this first: a sign-in is useless if its token cannot be saved.
	if f.tokenFile, err = awscache.TokenPath(in.Home, f.in.Session.CacheKey()); err != nil {
		return nil, hint.With(err, env.HomeCommand())
	}
	if err := awscache.CheckTokenWritable(f.tokenFile); err != nil {
		return nil, f.notWritable(err)
	}
	return f, nil
}

// command returns the command that signs in to this session.
func (f *flow) command() string { return hint.LoginCommand(f.in.Session.Name, f.in.Profile) }

// label is the session's name for the user.
func (f *flow) label() string {
	if f.in.Session.Name != "" {
		return fmt.Sprintf("SSO session %q", f.in.Session.Name)
	}
	return "SSO start URL " + f.in.Session.StartURL
}

// stopped reports whether the user canceled the sign-in (Ctrl-C), rather than a timeout. It
// checks the context, because the error of an interrupted call does not always contain the
// cause.
func (f *flow) stopped() bool { return errors.Is(f.caller.Err(), context.Canceled) }

// lock takes the session's login lock. waited reports that another process had it. If the
// lock is not available, the sign-in continues without it, because the user started it
// explicitly.
func (f *flow) lock(ctx context.Context) (held *safefile.Held, waited bool) {
	if f.in.LoginLock == "" {
		return nil, false
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	held, err := safefile.Lock(short, f.in.LoginLock)
	if !errors.Is(err, safefile.ErrLockBusy) || f.stopped() {
		return held, false
	}
	f.in.Screen.Line("Another process is signing in to " + f.label() + ". Waiting for it.")
	long, cancel := context.WithTimeout(ctx, loginLockTimeout)
	defer cancel()
	held, _ = safefile.Lock(long, f.in.LoginLock)
	return held, true
}

// signIn resolves the start URL, runs one of the flows and saves the token.
func (f *flow) signIn(ctx context.Context) (awscache.Token, error) {
	if f.stopped() { // during the wait: do not open a browser
		return awscache.Token{}, f.stoppedError()
	}
	if err := f.resolve(ctx); err != nil {
		return awscache.Token{}, err
	}
	token, err := f.runFlow(ctx)
	if err != nil {
		return awscache.Token{}, f.describe(err)
	}
	if f.saveClient != nil {
		f.saveClient()
	}
	if err := f.save(ctx, token); err != nil {
		return token, fmt.Errorf("signed in, but %w", err)
	}
	return token, nil
}

// resolve follows a vanity start URL. A URL that does not redirect is used unchanged: AWS
// has portals on hosts that are not in our list (isolated regions).
func (f *flow) resolve(ctx context.Context) error {
	if f.in.HTTP == nil {
		return nil
	}
	to, err := ResolveStartURL(ctx, f.in.HTTP, f.in.Session.StartURL)
	if errors.Is(err, ErrNoRedirect) {
		return nil
	}
	switch {
	case f.stopped():
		return f.stoppedError()
	case err != nil:
		if fault, ok := errors.AsType[*awsclient.Fault](err); ok && fault.Kind == awsclient.TLS {
			return hint.For(hint.CheckConnection, fmt.Errorf("%w%s", err, fault.Aside()), hint.DoctorCommand("")) // the host exists: the URL is right
		}
		return f.configureHint(err, hint.DoctorCommand("")) // the URL is wrong, or the network
	}
	f.startURL = to.URL
	if to.Vanity && to.Region != "" {
		f.region = to.Region
	}
	return nil
}

// runFlow selects and runs one of the flows. It reports if it uses a device code that was
// not requested, because unexpected codes are a phishing method.
func (f *flow) runFlow(ctx context.Context) (awscache.Token, error) {
	none, missing := errors.AsType[*NoBrowserError](f.in.Browser.CanOpen())
	switch {
	case missing && (f.codeOnly || none.Unattended && !f.in.Device && !f.in.NoBrowser):
		return awscache.Token{}, none
	case f.codeOnly:
	case f.in.Device || f.in.Session.Name == "":
		return f.byDevice(ctx)
	case missing:
		f.in.Screen.Line("No browser can be opened here (" + none.Reason + "). Signing in with a code instead.")
		return f.byDevice(ctx)
	}
	token, err := f.byCode(ctx)
	if isUnattended(err) {
		return awscache.Token{}, err // no user would see a code, and the wait would last until it expires
	}
	if broken, ok := errors.AsType[*browserError](err); ok && !f.codeOnly {
		f.in.Screen.Line("The browser could not be opened (" + broken.Error() + "). Signing in with a code instead.")
		f.in.NoBrowser = true // the browser would fail again
		return f.byDevice(ctx)
	}
	return token, err
}

// save writes the token file with the lock that refreshes also take. It waits only briefly
// and then writes without the lock, so that a hanging refresh does not lose the token.
func (f *flow) save(ctx context.Context, token awscache.Token) error {
	if f.in.TokenLock == "" || f.in.TokenLock != f.in.LoginLock {
		timeout := tokenLockTimeout
		if !f.end.IsZero() {
			timeout = min(timeout, time.Until(f.end)-saveTime)
		}
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		held, _ := awscache.LockToken(short, f.tokenFile, f.in.TokenLock)
		defer held.Unlock()
	}
	f.eraseReplaced()
	if err := awscache.WriteToken(f.tokenFile, token); err != nil {
		return f.notWritable(err)
	}
	return nil
}

// eraseReplaced removes the logins and role credentials of the replaced sign-in. It runs
// before the token is written, because later ones come from the new sign-in.
func (f *flow) eraseReplaced() {
	if f.in.Logins != nil {
		f.in.Logins.EraseSession(f.tokenFile, "")
	}
	old := LogoutInput{Home: f.in.Home, Config: f.in.Config, Session: f.in.Session.Name}
	if old.Session == "" {
		old.StartURL = f.in.Session.StartURL
	}
	for _, file := range old.roleFiles() {
		_, _ = remove(file) // a leftover file is older than the token, so it is not used
	}
}

// token combines a grant and its client. sent is when the request was sent. Counting from
// then never overestimates the token's lifetime.
func (f *flow) token(g awscache.Grant, reg registration, sent time.Time) awscache.Token {
	return awscache.Token{
		StartURL: f.in.Session.StartURL, Region: f.region,
		AccessToken: g.AccessToken, ExpiresAt: sent.Add(g.ExpiresIn).UTC().Truncate(time.Second),
		ClientID: reg.ClientID, ClientSecret: reg.ClientSecret, RegistrationExpiresAt: reg.ExpiresAt,
		RefreshToken: g.RefreshToken,
	}
}

// fetchContext returns a context for fetching the token. It outlives the user's time but
// ends when the user stops the program.
func (f *flow) fetchContext(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := fetchTimeout
	if !f.fetchBy.IsZero() {
		timeout = min(timeout, time.Until(f.fetchBy))
	}
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	stop := context.AfterFunc(f.caller, crash.Guard(func() {
		if f.stopped() {
			cancel()
		}
	}))
	return out, func() { stop(); cancel() }
}
