package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	callbackPath = "/oauth/callback"
	// redirectWithoutPort is what a client registers; RFC 8252, section 7.3
	// lets the port vary at each sign-in.
	redirectWithoutPort = "http://127.0.0.1" + callbackPath
	// verdictTime is how long the one good request is kept waiting for the
	// token, so that the page can tell the truth.
	verdictTime = 15 * time.Second
)

// RefusedError is the reason that the sign-in service, or the person on its
// page, gave for not signing in. Code is one of RFC 6749's words, such as
// access_denied; both fields are sanitised.
type RefusedError struct{ Code, Description string }

// Error names the refusal.
func (e *RefusedError) Error() string {
	if e.Description == "" {
		return "sign-in refused (" + e.Code + ")"
	}
	return "sign-in refused: " + e.Description + " (" + e.Code + ")"
}

// callback is the small web server to which the browser brings the
// authorization code. It takes one answer; everything else is a stray.
type callback struct {
	host     string // "127.0.0.1:port", as a Host header must spell it
	state    secret.Secret
	label    string
	server   *http.Server
	taken    atomic.Bool
	once     sync.Once
	received chan received
	verdict  chan page
}

type received struct {
	code secret.Secret
	err  error
}

// listen binds the callback. It must be called before a browser is opened: a
// session that is still warm redirects at once, and an unbound port loses the
// code. label is what the page calls the session.
func listen(label string, state secret.Secret) (*callback, error) {
	c := &callback{state: state, label: label, received: make(chan received, 1), verdict: make(chan page, 1)}
	var err error
	if c.server, c.host, err = serveLoopback(c.serve); err != nil {
		return nil, err
	}
	return c, nil
}

// redirectURI is the address the browser is sent back to.
func (c *callback) redirectURI() string { return "http://" + c.host + callbackPath }

// wait returns the authorization code, or the *RefusedError the browser
// brought, or ctx's cause.
func (c *callback) wait(ctx context.Context) (secret.Secret, error) {
	select {
	case r := <-c.received:
		return r.code, r.err
	case <-ctx.Done():
		return secret.Secret{}, context.Cause(ctx)
	}
}

// close shows the browser how it ended, when one waits for that, and stops
// listening. next is the command that helps when err is not nil. Only the
// first call counts.
func (c *callback) close(err error, next string) {
	c.once.Do(func() { c.shut(err, next) })
}

func (c *callback) shut(err error, next string) {
	p := successPage(c.label)
	if err != nil {
		p = failurePage(c.label, err.Error(), next)
	}
	c.verdict <- p
	// Shutdown lets the page get through; strays are not waited for long.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if errors.Is(c.server.Shutdown(ctx), context.DeadlineExceeded) {
		_ = c.server.Close()
	}
}

func (c *callback) serve(w http.ResponseWriter, r *http.Request) {
	answer, ok := c.read(r)
	if !ok || !c.taken.CompareAndSwap(false, true) {
		notFoundPage().write(w, http.StatusNotFound)
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(verdictTime + requestTime))
	c.received <- answer
	p := successPage(c.label)
	select {
	case p = <-c.verdict:
	case <-time.After(verdictTime):
		p.Title, p.Text = "Almost there", "The answer has arrived; the terminal says how the sign-in ends. You can close this window."
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

// read tells whether r is the answer to our question; ok is false for strays,
// a wrong state among them: whoever sent it does not know our state, so it
// must not end the login either.
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
