// Package login owns signing in to AWS IAM Identity Center and out of it: the
// authorization code flow with PKCE and its callback on loopback, the device
// code flow, the client registrations in ~/.aws/sso/cache, and the rule that
// many processes share one sign-in.
//
// It never reads the AWS configuration or the environment by itself, never
// writes to a terminal (a Screen does) and never hands a secret to a child, a
// page or an error. It may import floors 0 to 3 (floor 4). The commands login,
// logout and configure call it, and so does get when a person is at the terminal.
package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// OIDC is the sign-in service; *awsclient.Client is one. The errors are
// *awsclient.Fault; the two Token methods make one try each.
type OIDC interface {
	RegisterClient(ctx context.Context, region string, in awsclient.RegisterInput) (awsclient.Registration, error)
	StartDevice(ctx context.Context, region string, reg awsclient.Registration, startURL string) (awsclient.Device, error)
	TokenByDevice(ctx context.Context, region string, reg awsclient.Registration, deviceCode secret.Secret) (ssotoken.Grant, error)
	TokenByCode(ctx context.Context, region string, reg awsclient.Registration, code secret.Secret, redirectURI string, verifier secret.Secret) (ssotoken.Grant, error)
	OIDCEndpoint(region string) (string, error)
}

// Opener opens pages in the person's browser; Browser is one.
type Opener interface {
	// CanOpen returns nil, or a *NoBrowserError if no browser can open here.
	CanOpen() error
	// Open returns when the browser has been started, or an error when it
	// could not be. It may take some seconds. The browser must load the page
	// before ctx ends.
	Open(ctx context.Context, page string) error
}

// Logins are cached ECR logins; *tokencache.Cache is one.
type Logins interface {
	// EraseSession removes the logins of all sign-ins to a session but one.
	EraseSession(tokenFile, but string)
}

// Input says to what to sign in, and how.
type Input struct {
	// Session is the sso-session; without a Name its StartURL and Region are
	// those of a legacy profile.
	Session awsconfig.Session
	Profile string // the profile the user named, "" if none: for hints only
	Home    string // the directory that holds .aws

	Device    bool // the device code flow, as asked
	NoBrowser bool // show the URL, open nothing

	OIDC    OIDC
	Browser Opener
	Screen  Screen
	HTTP    *http.Client // asks a vanity start URL where it leads; nil: it is taken as it is
	Now     func() time.Time

	// Logins are the ECR logins, and Config tells which role credentials belong to
	// the session: both are removed when another sign-in replaces theirs. Either may
	// be nil.
	Logins Logins
	Config *awsconfig.Config

	// LoginLock and TokenLock are lock files of ours, "" where there is no directory
	// for them (ssotoken.Lock says what is locked then): the one is
	// held for the whole sign-in, the other, which Refresh of package ssotoken
	// takes too, while the token is written.
	LoginLock, TokenLock string

	// Timeout is how long the browser may take; 0 means ten minutes.
	Timeout time.Duration
}

// The bounds of a sign-in.
const (
	defaultTimeout = 10 * time.Minute
	// lockWait is how long a login waits for another one of the same session
	// before it goes on alone; get's own sign-in is over by then.
	lockWait = time.Minute
	// exchangeTime is what a token that is on its way may take although the
	// time for the person is over: throwing it away would ask them again.
	exchangeTime = 10 * time.Second
	// keepWait is how long keeping the token waits for a refresh under way, and
	// keepTime what it takes besides.
	keepWait = 2 * time.Second
	keepTime = 500 * time.Millisecond
)

// Login signs in and returns the new token, which is then in the AWS CLI's
// token file, byte for byte as the AWS CLI writes it. The region in it is the
// one that was used: a vanity start URL may lead to another than configured.
//
// A session uses the authorization code flow with PKCE. A legacy start URL, Device,
// and a machine without a browser mean the device code flow, and the screen says so.
// With CI set or without a terminal, Login returns a *NoBrowserError at once, unless
// Device or NoBrowser is set or the browser can open all the same. When another
// process has signed in while this one waited for it, its token is returned.
//
// The errors carry the command to run (hint.Next) and wrap their cause:
// ErrTimeout, *RefusedError, ErrNoBrowser, *awsclient.Fault. When ctx was
// cancelled, the error is context.Canceled and ctx's cause, and there is nothing
// to run. If only writing the file went wrong, the token comes with the error.
func Login(ctx context.Context, in Input) (ssotoken.Token, error) {
	f, err := newFlow(ctx, in)
	if err != nil {
		return ssotoken.Token{}, err
	}
	before, _ := ssotoken.Read(f.tokenPath())
	held, waited := f.lock(ctx)
	defer held.Unlock()
	if waited {
		now, err := ssotoken.ReadFor(f.tokenPath(), f.in.Session.StartURL)
		if err == nil && now.Live(f.in.Now()) && !now.AccessToken.Equal(before.AccessToken) {
			return now, nil
		}
	}
	token, err := f.signIn(ctx)
	if err != nil { // a sign-in that was denied leaves no file behind
		held.Remove()
	}
	return token, err
}

// flow is one sign-in under way.
type flow struct {
	in       Input
	file     string // the token file
	startURL string // what the service is sent, in.Session.StartURL but for a vanity URL
	region   string
	codeOnly bool // get has no use for a device code
	// saveClient saves the registration that the token belongs to; nil for a saved one.
	saveClient func()
	// caller is the context that Login or Shared was called with: cancelled, it
	// means that somebody stopped us, which is heard even after the person's time
	// has run out.
	caller context.Context
	// When a token must be fetched and when all must be over; zero for Login.
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
	// Before anything else: a sign-in whose token has no place is in vain.
	if f.file, err = ssotoken.Path(in.Home, f.cacheKey()); err != nil {
		return nil, hint.With(err, "export HOME=/absolute/path")
	}
	if err := ssotoken.CheckWritable(f.file); err != nil {
		return nil, f.notWritable(err)
	}
	return f, nil
}

// cacheKey is what the AWS CLI hashes for the token file.
func (f *flow) cacheKey() string {
	return awsconfig.SSO{Session: f.in.Session.Name, StartURL: f.in.Session.StartURL}.CacheKey()
}

func (f *flow) tokenPath() string { return f.file }

// label is the session as the person knows it.
func (f *flow) label() string {
	if f.in.Session.Name != "" {
		return fmt.Sprintf("SSO session %q", f.in.Session.Name)
	}
	return "SSO start URL " + f.in.Session.StartURL
}

// lock takes the session's login lock; waited tells that somebody else had it.
// Without a lock the sign-in goes on: the person asked for it.
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
	f.in.Screen.Line("Another sign-in to " + f.label() + " is under way; waiting for it.")
	long, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	held, _ = safefile.Lock(long, f.in.LoginLock)
	return held, true
}

// signIn runs the flow that fits and keeps the token.
func (f *flow) signIn(ctx context.Context) (ssotoken.Token, error) {
	if f.stopped() { // while it waited: nothing opens any more
		return ssotoken.Token{}, f.stop()
	}
	if err := f.resolve(ctx); err != nil {
		return ssotoken.Token{}, err
	}
	token, err := f.choose(ctx)
	if err != nil {
		return ssotoken.Token{}, f.explain(err)
	}
	if f.saveClient != nil {
		f.saveClient()
	}
	if err := f.keep(ctx, token); err != nil {
		return token, fmt.Errorf("signed in, but %w", err)
	}
	return token, nil
}

// resolve follows a vanity start URL. One that leads nowhere is used as it is:
// AWS has portals whose addresses we do not know (isolated regions).
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
		return f.stop()
	case err != nil:
		if fault, ok := errors.AsType[*awsclient.Fault](err); ok && fault.Kind == awsclient.TLS {
			return hint.With(fmt.Errorf("%w%s", err, fault.Aside()), hint.DoctorCommand("")) // the host exists: the URL is right
		}
		return f.configureHint(err, hint.DoctorCommand("")) // the URL is wrong, or the network
	}
	f.startURL = to.URL
	if to.Vanity && to.Region != "" {
		f.region = to.Region
	}
	return nil
}

// choose picks the flow. The device code flow is never chosen silently: codes
// that appear unasked are how people are made to approve a stranger's sign-in.
func (f *flow) choose(ctx context.Context) (ssotoken.Token, error) {
	none, missing := errors.AsType[*NoBrowserError](f.in.Browser.CanOpen())
	switch {
	case missing && (f.codeOnly || none.Unattended && !f.in.Device && !f.in.NoBrowser):
		return ssotoken.Token{}, none
	case f.codeOnly:
	case f.in.Device || f.in.Session.Name == "":
		return f.byDevice(ctx)
	case missing:
		f.in.Screen.Line("No browser can be opened here (" + none.Reason + "), so this sign-in uses a device code.")
		return f.byDevice(ctx)
	}
	token, err := f.byCode(ctx)
	if stuck, ok := errors.AsType[*browserError](err); ok && !f.codeOnly {
		f.in.Screen.Line("The browser sign-in does not work here (" + stuck.Error() + "), so it goes on with a device code.")
		return f.byDevice(ctx)
	}
	return token, err
}

// keep writes the token file under the lock that refreshes take. A refresh that
// hangs must not cost the token, so the wait is short and may end in vain.
func (f *flow) keep(ctx context.Context, token ssotoken.Token) error {
	if f.in.TokenLock == "" || f.in.TokenLock != f.in.LoginLock {
		patience := keepWait
		if !f.end.IsZero() {
			patience = min(patience, time.Until(f.end)-keepTime)
		}
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		held, _ := ssotoken.Lock(short, f.tokenPath(), f.in.TokenLock)
		defer held.Unlock()
	}
	f.forget()
	if err := ssotoken.Write(f.tokenPath(), token); err != nil {
		return f.notWritable(err)
	}
	return nil
}

// forget removes the logins and role credentials of the sign-in that the new one
// replaces. It comes before the token is written: what appears after that came
// from the new sign-in.
func (f *flow) forget() {
	if f.in.Logins != nil {
		f.in.Logins.EraseSession(f.tokenPath(), "")
	}
	old := LogoutInput{Home: f.in.Home, Config: f.in.Config, Session: f.in.Session.Name}
	if old.Session == "" {
		old.StartURL = f.in.Session.StartURL
	}
	for _, file := range old.roleFiles() {
		_, _ = remove(file) // one that stays is older than the token, and is not used
	}
}

// token puts a grant and its client together. asked is when the question was
// sent: a token is never believed to live longer than it does.
func (f *flow) token(g ssotoken.Grant, reg registration, asked time.Time) ssotoken.Token {
	return ssotoken.Token{
		StartURL: f.in.Session.StartURL, Region: f.region,
		AccessToken: g.AccessToken, ExpiresAt: asked.Add(g.ExpiresIn).UTC().Truncate(time.Second),
		ClientID: reg.ClientID, ClientSecret: reg.ClientSecret, RegistrationExpiresAt: reg.ExpiresAt,
		RefreshToken: g.RefreshToken,
	}
}

// patient returns a context for a call that fetches the token: when the time
// for the person runs out meanwhile, the call still has a moment; when somebody
// stops the program, it has not.
func (f *flow) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := exchangeTime
	if !f.fetchBy.IsZero() {
		patience = min(patience, time.Until(f.fetchBy))
	}
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	stop := context.AfterFunc(f.caller, crash.Guard(func() {
		if f.stopped() {
			cancel()
		}
	}))
	return out, func() { stop(); cancel() }
}
