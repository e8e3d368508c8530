package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// browserError means that the browser sign-in does not work on this machine: no loopback
// port is available, or no browser starts.
type browserError struct{ err error }

func (e *browserError) Error() string { return e.err.Error() }
func (e *browserError) Unwrap() error { return e.err }

// byCode signs in with an authorization code and PKCE (RFC 7636, RFC 8252). It retries once
// if the service does not know the saved registration.
func (f *flow) byCode(ctx context.Context) (awscache.Token, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.in.Timeout, ErrTimeout)
	defer cancel()
	token, saved, err := f.tryCode(ctx, false)
	if saved && unknownClient(err) && ctx.Err() == nil {
		f.in.Screen.Line("AWS no longer recognizes the registration of this computer. Signing in again with a new one.")
		token, _, err = f.tryCode(ctx, true)
	}
	return token, err
}

// tryCode runs the code flow once. saved reports whether it used a saved registration;
// fresh prevents that.
func (f *flow) tryCode(ctx context.Context, fresh bool) (token awscache.Token, saved bool, err error) {
	state, verifier := newState(), newVerifier()
	cb, err := listen(f.label(), state) // must come first, see listen
	if err != nil {
		return token, false, &browserError{err}
	}
	defer func() { cb.close(err, f.command()) }()
	reg, saved, err := f.client(ctx, true, fresh)
	if err != nil {
		return token, saved, err
	}
	endpoint, err := f.in.OIDC.OIDCEndpoint(f.region)
	if err != nil {
		return token, saved, err
	}
	page := authorizeURL(endpoint, reg.ClientID, cb.redirectURI(), state, wantedScopes(f.in.Session.Scopes, true), verifier)
	code, err := f.openAndWait(ctx, cb, page)
	if err != nil {
		if saved {
			// If AWS does not know the client, the browser shows an error page and there is
			// no callback. In case that was the reason, register again next time.
			f.forgetClient()
		}
		return token, saved, err
	}
	sent := f.in.Now()
	fetchCtx, cancel := f.fetchContext(ctx)
	defer cancel()
	grant, err := f.in.OIDC.TokenByCode(fetchCtx, f.region, reg.sdk(), code, cb.redirectURI(), verifier)
	if err != nil {
		return token, saved, err
	}
	return f.token(grant, reg, sent), saved, nil
}

// openAndWait opens the page (or only shows it with NoBrowser) and waits for the code.
func (f *flow) openAndWait(ctx context.Context, cb *callback, page string) (secret.Secret, error) {
	if f.in.NoBrowser {
		f.in.Screen.Visit(f.label(), page)
		return f.waitForCode(ctx, cb)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the link that the browser loads
	f.in.Screen.BrowserOpening(f.label())
	opened := make(chan error, 1)
	// Use a goroutine, because some browser commands exit only when the page is closed.
	crash.Go(func() { opened <- f.in.Browser.Open(ctx, page) })
	select {
	case err := <-opened:
		if err == nil {
			f.in.Screen.BrowserOpened(page)
			return f.waitForCode(ctx, cb)
		}
		// The command failed, but if the code has arrived, use it.
		select {
		case r := <-cb.received:
			return r.code, r.err
		default:
			return secret.Secret{}, &browserError{err}
		}
	case r := <-cb.received:
		return r.code, r.err
	case <-ctx.Done():
		return secret.Secret{}, context.Cause(ctx)
	}
}

// waitForCode shows that the sign-in is waiting for the user.
func (f *flow) waitForCode(ctx context.Context, cb *callback) (secret.Secret, error) {
	if until, ok := ctx.Deadline(); ok {
		defer f.in.Screen.WaitStarted(until)()
	}
	return cb.wait(ctx)
}

// verifierBytes result in 64 characters, the length of the AWS CLI's verifiers. RFC 7636,
// section 4.1, allows 43 to 128.
const verifierBytes = 48

// newVerifier returns a PKCE code verifier. All base64url characters are unreserved, as
// required by RFC 7636, section 4.1.
func newVerifier() secret.Secret {
	b := make([]byte, verifierBytes)
	_, _ = rand.Read(b) // crypto/rand never returns an error
	return secret.New(base64.RawURLEncoding.EncodeToString(b))
}

// challenge returns the S256 code challenge of RFC 7636, section 4.2. The plain method is
// not implemented, so a downgrade is not possible.
func challenge(verifier secret.Secret) string {
	sum := sha256.Sum256([]byte(verifier.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// newState returns the state parameter, which is opaque to the service (RFC 6749, section
// 4.1.1): 26 characters with at least 128 random bits.
func newState() secret.Secret { return secret.New(rand.Text()) }

// authorizeURL returns the page on which the user signs in: the endpoint's /authorize,
// which is not in any service model. Parameters, order and escaping match the AWS CLI,
// which uses "scopes" for RFC 6749's "scope".
func authorizeURL(endpoint, clientID, redirectURI string, state secret.Secret, scopes []string, verifier secret.Secret) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(endpoint, "/"))
	b.WriteString("/authorize?response_type=code")
	for _, p := range [][2]string{
		{"client_id", clientID},
		{"redirect_uri", redirectURI},
		{"state", state.Reveal()},
		{"code_challenge_method", "S256"},
		{"scopes", strings.Join(scopes, " ")},
		{"code_challenge", challenge(verifier)},
	} {
		b.WriteString("&" + p[0] + "=" + percentEncode(p[1]))
	}
	return b.String()
}

// percentEncode escapes according to RFC 3986: a space becomes %20, not '+'.
func percentEncode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

const (
	callbackPath = "/oauth/callback"
	// redirectWithoutPort is the URI that a client registers. RFC 8252, section 7.3, allows
	// the port to vary at each sign-in.
	redirectWithoutPort = "http://127.0.0.1" + callbackPath
	// resultTimeout is how long the response to the browser waits for the token, so that
	// the page can show the result.
	resultTimeout = 15 * time.Second
)

// RefusedError means that the sign-in service, or the user on its page, denied the sign-in.
// Code is an RFC 6749 error code such as access_denied. Both fields are sanitized.
type RefusedError struct{ Code, Description string }

// Error returns the reason.
func (e *RefusedError) Error() string {
	if e.Description == "" {
		return "sign-in denied (" + e.Code + ")"
	}
	return "sign-in denied: " + e.Description + " (" + e.Code + ")"
}

// callback is the local web server to which AWS redirects the browser with the
// authorization code. It accepts one such request and rejects all others.
type callback struct {
	host     string // "127.0.0.1:port", the required Host header
	state    secret.Secret
	label    string
	server   *http.Server
	answered atomic.Bool
	once     sync.Once
	received chan received
	result   chan page
}

type received struct {
	code secret.Secret
	err  error
}

// listen starts the callback server. Call it before a browser opens: if the portal session
// is still valid, it redirects immediately, and the code would be lost if the port were not
// bound. label is the session's name on the page.
func listen(label string, state secret.Secret) (*callback, error) {
	c := &callback{state: state, label: label, received: make(chan received, 1), result: make(chan page, 1)}
	var err error
	if c.server, c.host, err = serveLoopback(c.serve); err != nil {
		return nil, err
	}
	return c, nil
}

// redirectURI is the URI to which AWS redirects the browser.
func (c *callback) redirectURI() string { return "http://" + c.host + callbackPath }

// wait returns the authorization code, the *RefusedError from the browser, or ctx's cause.
func (c *callback) wait(ctx context.Context) (secret.Secret, error) {
	select {
	case r := <-c.received:
		return r.code, r.err
	case <-ctx.Done():
		return secret.Secret{}, context.Cause(ctx)
	}
}

// close shows the result to a waiting browser and stops listening. next is the command that
// fixes err, if err is not nil. Only the first call has an effect.
func (c *callback) close(err error, next string) {
	c.once.Do(func() { c.shutDown(err, next) })
}

func (c *callback) shutDown(err error, next string) {
	p := successPage(c.label)
	if err != nil {
		p = failurePage(c.label, err.Error(), next)
	}
	c.result <- p
	// Shutdown lets the page load, but waits only briefly for other requests.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if errors.Is(c.server.Shutdown(ctx), context.DeadlineExceeded) {
		_ = c.server.Close()
	}
}

func (c *callback) serve(w http.ResponseWriter, r *http.Request) {
	answer, ok := c.read(r)
	if !ok || !c.answered.CompareAndSwap(false, true) {
		notFoundPage().write(w, http.StatusNotFound)
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(resultTimeout + requestTimeout))
	c.received <- answer
	p := successPage(c.label)
	select {
	case p = <-c.result:
	case <-time.After(resultTimeout):
		p.Title, p.Text = "Almost done", "The response has arrived. The terminal shows whether the sign-in succeeded. You can close this window."
		p.Session = ""
	case <-r.Context().Done():
		return
	}
	status := http.StatusOK
	if !p.OK {
		status = http.StatusForbidden
	}
	p.write(w, status)
}

// read returns the result in r. ok is false for other requests and for a wrong state: a
// sender that does not know the state must not be able to end the sign-in.
func (c *callback) read(r *http.Request) (received, bool) {
	if r.Method != http.MethodGet || r.URL.EscapedPath() != callbackPath {
		return received{}, false
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["state"]) != 1 || !c.state.Equal(secret.New(q.Get("state"))) {
		return received{}, false
	}
	if q.Has("error") {
		code := hint.Clean(q.Get("error"), 60)
		if code == "" {
			code = "no reason given"
		}
		return received{err: &RefusedError{Code: code, Description: hint.Clean(q.Get("error_description"), 200)}}, true
	}
	if len(q["code"]) != 1 || q.Get("code") == "" {
		return received{}, false
	}
	return received{code: secret.New(q.Get("code"))}, true
}

// newLink serves a loopback link that redirects a browser to page, once, until ctx ends.
// The browser is started with the link instead of the page's URL, because all users of a
// machine can read its command line, and the URL contains the sign-in's state or its device
// code. With these, another user could end the sign-in or complete it with another
// identity.
func newLink(ctx context.Context, page string) (string, error) {
	path := "/" + rand.Text()
	var used atomic.Bool
	server, host, err := serveLoopback(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || r.URL.EscapedPath() != path:
			notFoundPage().write(w, http.StatusNotFound)
		case fromAnotherUser(r):
			foreignLinkPage().write(w, http.StatusForbidden)
		case !used.CompareAndSwap(false, true):
			usedLinkPage().write(w, http.StatusGone)
		default:
			w.Header().Set("Location", page)
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Referrer-Policy", "no-referrer")
			w.WriteHeader(http.StatusSeeOther)
		}
	})
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, crash.Guard(func() { _ = server.Close() }))
	return "http://" + host + path, nil
}

// Limits of the loopback web server (security property P9).
const (
	maxConnections = 32 // open at the same time; more wait in the kernel's queue
	maxHeader      = 8 << 10
	requestTimeout = 5 * time.Second
)

// isForHost reports whether r is for the server on host. A web page elsewhere can reach the
// port with its own host name (DNS rebinding), so only the literal address is accepted.
func isForHost(r *http.Request, host string) bool { return r.Host == host && !r.URL.IsAbs() }

// serveLoopback starts a web server on a port of 127.0.0.1. host is its address, the
// required Host header.
func serveLoopback(handler http.HandlerFunc) (server *http.Server, host string, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("listen on 127.0.0.1: %w", err)
	}
	host = l.Addr().String()
	server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isForHost(r, host) {
				notFoundPage().write(w, http.StatusBadRequest)
				return
			}
			handler(w, r)
		}),
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		MaxHeaderBytes:    maxHeader - 4096, // net/http reads 4096 bytes more
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	server.SetKeepAlivesEnabled(false)
	crash.Go(func() { _ = server.Serve(netutil.LimitListener(l, maxConnections)) })
	return server, host, nil
}
