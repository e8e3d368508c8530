// Package login signs in to AWS IAM Identity Center and out of it: the authorization
// code flow with PKCE and its callback on loopback, the device code flow, the client
// registrations in ~/.aws/sso/cache, and one sign-in for many processes.
//
// It does not read the AWS configuration or the environment itself, does not write to a
// terminal (a Screen does) and never passes a secret to a child process, a page or an
// error. It may import layers 0 to 3 (layer 4). The commands login, logout and configure
// use it, and get does when a user is at the terminal.
package login

import (
	"context"
	"errors"
	"fmt"
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

// OIDC is the sign-in service, implemented by *awsclient.Client. The errors are
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
	// Open returns after the browser has started, or an error if it did not. It can
	// take some seconds. The browser must load the page before ctx ends.
	Open(ctx context.Context, page string) error
}

// Logins are the cached ECR logins. *tokencache.Cache implements it.
type Logins interface {
	// EraseSession removes the logins of all sign-ins to a session except one.
	EraseSession(tokenFile, but string)
}

// Input selects the session to sign in to, and how.
type Input struct {
	// Session is the sso-session. Without a Name, StartURL and Region are those of a
	// legacy profile.
	Session awsconfig.Session
	Profile string // the profile the user named, "" if none: for hints only
	Home    string // the directory that holds .aws

	Device    bool // use the device code flow
	NoBrowser bool // show the URL, do not open it

	OIDC    OIDC
	Browser Opener
	Screen  Screen
	HTTP    *http.Client // follows a vanity start URL; nil: the start URL is used unchanged
	Now     func() time.Time

	// Logins are the ECR logins, and Config says which role credentials belong to the
	// session. A new sign-in removes both of the old one. Each may be nil.
	Logins Logins
	Config *awsconfig.Config

	// LoginLock and TokenLock are our lock files, "" without a directory for them
	// (awscache.LockToken documents what it locks then). LoginLock is held for the whole
	// sign-in. TokenLock is held while the token is written; awscache.RefreshToken takes it
	// too.
	LoginLock, TokenLock string

	// Timeout is the limit for the user in the browser; 0 means ten minutes.
	Timeout time.Duration
}

// The limits of a sign-in.
const (
	defaultTimeout = 10 * time.Minute
	// loginLockTimeout is how long a login waits for another one of the same session
	// before it continues without the lock. The sign-in of a get ends sooner.
	loginLockTimeout = time.Minute
	// fetchTimeout is the limit for fetching the token, also after the user's time has
	// ended: without the token the user would have to sign in again.
	fetchTimeout = 10 * time.Second
	// tokenLockTimeout is how long the save waits for a refresh of the token, and
	// saveTime is what the save itself can take.
	tokenLockTimeout = 2 * time.Second
	saveTime         = 500 * time.Millisecond
)

// Login signs in, saves the new token in the AWS CLI's token file, byte for byte as the
// AWS CLI does, and returns it. The token's region is the one that was used: a vanity
// start URL can lead to another one than the configured.
//
// A session uses the authorization code flow with PKCE. A legacy start URL, Device,
// and a machine without a browser mean the device code flow, and the screen says so.
// With CI set or without a terminal, Login returns a *NoBrowserError at once, unless
// Device or NoBrowser is set or the browser can still open. When another
// process has signed in while this one waited for it, its token is returned.
//
// The errors have the command to run (hint.Next) and wrap their cause: ErrTimeout,
// *RefusedError, ErrNoBrowser, *awsclient.Fault. If ctx was canceled, the error is
// context.Canceled and ctx's cause, without a command. If only saving the token failed,
// Login returns the token and the error.
func Login(ctx context.Context, in Input) (awscache.Token, error) {
	f, err := newFlow(ctx, in)
	if err != nil {
		return awscache.Token{}, err
	}
	before, _ := awscache.ReadToken(f.tokenPath())
	held, waited := f.lock(ctx)
	defer held.Unlock()
	if waited {
		now, err := awscache.ReadTokenFor(f.tokenPath(), f.in.Session.StartURL)
		if err == nil && now.Live(f.in.Now()) && !now.AccessToken.Equal(before.AccessToken) {
			return now, nil
		}
	}
	token, err := f.signIn(ctx)
	if err != nil { // a sign-in that was denied leaves no file
		held.Remove()
	}
	return token, err
}

// flow is one sign-in.
type flow struct {
	in       Input
	file     string // the token file
	startURL string // for the service: in.Session.StartURL, or the target of a vanity URL
	region   string
	codeOnly bool // a get cannot show a device code
	// saveClient saves the registration that the token belongs to; nil for a saved one.
	saveClient func()
	// caller is the context of the call to Login or Shared. Its cancellation means that
	// the user stopped the program; it counts also after the user's time has ended.
	caller context.Context
	// The deadlines for fetching the token and for the whole sign-in; zero for Login.
	fetchBy, end time.Time
}

func newFlow(ctx context.Context, in Input) (*flow, error) {
	if in.Now == nil {
		in.Now = time.Now
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
	// First of all: a sign-in is useless if its token cannot be saved.
	if f.file, err = awscache.TokenPath(in.Home, f.in.Session.CacheKey()); err != nil {
		return nil, hint.With(err, env.HomeCommand())
	}
	if err := awscache.CheckTokenWritable(f.file); err != nil {
		return nil, f.notWritable(err)
	}
	return f, nil
}

func (f *flow) tokenPath() string { return f.file }

// label is the session's name for the user.
func (f *flow) label() string {
	if f.in.Session.Name != "" {
		return fmt.Sprintf("SSO session %q", f.in.Session.Name)
	}
	return "SSO start URL " + f.in.Session.StartURL
}

// lock takes the session's login lock; waited reports that another process had it. The
// sign-in continues without the lock, because the user started it explicitly.
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
	if f.stopped() { // while it waited: do not open a browser
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

// resolve follows a vanity start URL. One that does not redirect is used unchanged: AWS
// has portals at hosts that are not in our list (isolated regions).
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

// runFlow selects and runs one of the two flows. It says so if it uses a device code
// without a request: a code that appears for no reason is a phishing method.
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
		f.in.NoBrowser = true // it would fail again
		return f.byDevice(ctx)
	}
	return token, err
}

// save writes the token file under the lock that refreshes take. It waits only briefly,
// and then writes without the lock, so that a refresh that hangs does not lose the token.
func (f *flow) save(ctx context.Context, token awscache.Token) error {
	if f.in.TokenLock == "" || f.in.TokenLock != f.in.LoginLock {
		timeout := tokenLockTimeout
		if !f.end.IsZero() {
			timeout = min(timeout, time.Until(f.end)-saveTime)
		}
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		held, _ := awscache.LockToken(short, f.tokenPath(), f.in.TokenLock)
		defer held.Unlock()
	}
	f.eraseReplaced()
	if err := awscache.WriteToken(f.tokenPath(), token); err != nil {
		return f.notWritable(err)
	}
	return nil
}

// eraseReplaced removes the logins and role credentials of the sign-in that the new one
// replaces. It runs before the token is written: later ones come from the new sign-in.
func (f *flow) eraseReplaced() {
	if f.in.Logins != nil {
		f.in.Logins.EraseSession(f.tokenPath(), "")
	}
	old := LogoutInput{Home: f.in.Home, Config: f.in.Config, Session: f.in.Session.Name}
	if old.Session == "" {
		old.StartURL = f.in.Session.StartURL
	}
	for _, file := range old.roleFiles() {
		_, _ = remove(file) // a remaining one is older than the token, so it is not used
	}
}

// token combines a grant and its client. sent is when the request was sent: counted
// from then, the token's lifetime is never overestimated.
func (f *flow) token(g awscache.Grant, reg registration, sent time.Time) awscache.Token {
	return awscache.Token{
		StartURL: f.in.Session.StartURL, Region: f.region,
		AccessToken: g.AccessToken, ExpiresAt: sent.Add(g.ExpiresIn).UTC().Truncate(time.Second),
		ClientID: reg.ClientID, ClientSecret: reg.ClientSecret, RegistrationExpiresAt: reg.ExpiresAt,
		RefreshToken: g.RefreshToken,
	}
}

// fetchContext returns a context for the request that fetches the token. It outlives
// the user's time, but ends when the user stops the program.
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
