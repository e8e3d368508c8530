package login

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

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
