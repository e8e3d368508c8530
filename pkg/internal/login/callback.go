package login

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// This file contains the web servers on 127.0.0.1 that the browser connects to: the one
// that receives the authorization code, and the one that leads to the sign-in page.

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
	server   *http.Server
	answered atomic.Bool
	received chan received
	result   chan page
}

type received struct {
	code secret.Secret
	err  error
}

// listen starts the callback server. Call it before a browser opens: if the portal session
// is still valid, it redirects immediately, and the code would be lost if the port were not
// bound.
func listen(port func() (net.Listener, error), state secret.Secret) (*callback, error) {
	c := &callback{state: state, received: make(chan received, 1), result: make(chan page, 1)}
	var err error
	if c.server, c.host, err = serveLoopback(port, c.serve); err != nil {
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

// close shows the result to a waiting browser and stops listening.
func (c *callback) close(result page) {
	c.result <- result
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
	var p page
	select {
	case p = <-c.result:
	case <-time.After(resultTimeout):
		p = lateResultPage()
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
	server, host, err := serveLoopback(listenLoopback, func(w http.ResponseWriter, r *http.Request) {
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

// fromAnotherUser reports whether a loopback request comes from another user's process.
// Other users can read the link on the browser's command line and could be faster than the
// browser. Root is exempt: it can read everything anyway, and a browser started by root may
// run as the desktop's user. Only Linux lists the users of connections in a file; elsewhere,
// the link still works only once.
func fromAnotherUser(r *http.Request) bool {
	server, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	ours := os.Geteuid()
	if !ok || ours == 0 || runtime.GOOS != "linux" {
		return false
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return false
	}
	uid, ok := clientUser(string(table), r.RemoteAddr, server.String())
	return ok && uid != ours && uid != 0
}

// clientUser returns the user of a client's IPv4 socket from the kernel's table.
// https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
func clientUser(table, client, server string) (uid int, ok bool) {
	from, to := kernelAddress(client), kernelAddress(server)
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) > 7 && f[1] == from && f[2] == to {
			uid, err := strconv.Atoi(f[7])
			return uid, err == nil
		}
	}
	return 0, false
}

// kernelAddress formats an address like the table: four bytes in the machine's byte order,
// then the port.
func kernelAddress(address string) string {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().Is4() {
		return ""
	}
	ip := a.Addr().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), a.Port())
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

func listenLoopback() (net.Listener, error) { return net.Listen("tcp4", "127.0.0.1:0") }

// serveLoopback starts a web server on a port of 127.0.0.1. host is its address, the
// required Host header.
func serveLoopback(port func() (net.Listener, error), handler http.HandlerFunc) (server *http.Server, host string, err error) {
	l, err := port()
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

//go:embed page.html
var pageSource string

// page is the final page in the browser: success, or the reason for the failure.
type page struct {
	OK      bool
	Session string // session name or start URL
	Title   string
	Text    string
	Reason  string // "" on success
	Next    string // the command to run; "" on success
}

func successPage(session string) page {
	return page{OK: true, Session: session, Title: "Signed in",
		Text: "You can close this window and return to the terminal."}
}

func failurePage(session, reason, next string) page {
	return page{Session: session, Title: "Sign-in failed", Reason: hint.Clean(reason, 300), Next: next,
		Text: "You can close this window. The terminal shows what to do next."}
}

func lateResultPage() page {
	return page{OK: true, Title: "Almost done",
		Text: "The response has arrived. The terminal shows whether the sign-in succeeded. You can close this window."}
}

func notFoundPage() page {
	return page{Title: "No sign-in here", Text: "This page is only used while a sign-in is in progress. You can close this window."}
}

func usedLinkPage() page {
	return page{Title: "This link was already used",
		Text: "It opens the sign-in page only once. If that page did not open, press Ctrl-C in the terminal and sign in again."}
}

func foreignLinkPage() page {
	return page{Title: "This link is for another user",
		Text: "Only the user who started the sign-in can open it. In the browser of another user, open the URL that the terminal shows."}
}

// html renders the page. It escapes all texts and inserts them only between tags, where
// escaped text is safe. The template packages would do the same but add 3 MB, because they
// make the linker keep all methods of the AWS SDK.
func (p page) html(nonce string) string {
	mark, path := "bad", "M24 14.5v12M24 33v.2"
	if p.OK {
		mark, path = "ok", "M15.5 24.8l6 6 11.5-13"
	}
	var body strings.Builder
	add := func(format, text string) {
		if text != "" {
			_, _ = fmt.Fprintf(&body, format+"\n", html.EscapeString(text))
		}
	}
	add(`<p class="name">%s</p>`, p.Session)
	add(`<p class="reason">%s</p>`, p.Reason)
	add("<p>%s</p>", p.Text)
	add("<code>%s</code>", p.Next)
	return strings.NewReplacer("{{title}}", html.EscapeString(p.Title), "{{nonce}}", nonce,
		"{{mark}}", mark, "{{path}}", path, "{{body}}", strings.TrimSpace(body.String())).Replace(pageSource)
}

// write sends the page as a response. The page loads nothing, and the headers prevent it
// from sending anything: the address bar still contains the code.
func (p page) write(w http.ResponseWriter, status int) {
	nonce := rand.Text()
	body := p.html(nonce)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
