package awsclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
)

const (
	maxHeader = 64 << 10
	// idleTime is how long an open connection waits for a request.
	idleTime = 30 * time.Second
)

// link is the SDK's HTTP client. It does not follow redirects, reads whole responses up to
// a limit, and retries below the SDK, so that the same rules apply to all services,
// including those of the SDK's credential providers.
type link struct {
	retrier
	serverTime
	log          *slog.Logger
	userAgent    string
	transport    http.RoundTripper
	ownTransport bool              // we created transport
	bundle       string            // the setting that replaces the system's roots
	config       func() aws.Config // shared by all service clients

	mu        sync.Mutex
	preopened map[string]*preopenedConn // by connKey
	closed    bool
}

func newLink(o Options) (*link, error) {
	l := &link{
		retrier: newRetrier(o.Retries, o.Now), log: o.Logger, userAgent: o.UserAgent, preopened: map[string]*preopenedConn{},
	}
	l.config = sync.OnceValue(func() aws.Config { return loadConfig(l) })
	if o.Transport != nil {
		l.transport = o.Transport
		return l, nil
	}
	proxy, err := proxyRule(o.Env)
	if err != nil {
		return nil, err
	}
	r := loadRoots(o)
	l.transport, l.ownTransport, l.bundle = newTransport(r, proxy, o), true, r.source
	return l, nil
}

func newTransport(r *roots, proxy func(*http.Request) (*url.URL, error), o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: o.steps.dial}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2 has no advantage for one request per connection
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			u, err := proxy(r)
			if u != nil {
				callFrom(r.Context()).note(func(n *callNotes) { n.proxy = u.Host })
			}
			return u, err
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, dialer, r, network, address)
		},
		OnProxyConnectResponse: func(ctx context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
			if resp.StatusCode != http.StatusOK {
				return &proxyError{host: proxy.Host, status: resp.StatusCode}
			}
			callFrom(ctx).note(func(n *callNotes) { n.tunneled = true })
			return nil
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: r.pool, Time: o.Now},
		TLSHandshakeTimeout:    o.steps.handshake,
		ResponseHeaderTimeout:  o.responseTimeout(),
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // responses are small, and readBody limits decompression
		IdleConnTimeout:        idleTime,
		MaxIdleConnsPerHost:    8, // for listing an organization's roles
		Protocols:              protocols,
	}
}

// Do sends an SDK request, retries it, and returns the response with its body in memory. It
// implements aws.HTTPClient.
func (l *link) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	c := callFrom(ctx)
	c.note(func(n *callNotes) { *n = callNotes{host: req.URL.Host, noMetadata: n.noMetadata} })
	if err := l.checkScheme(req.URL); err != nil {
		return nil, err
	}
	body, err := requestBody(req)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		resp, o, err := l.try(ctx, c, req, body, try)
		o.pace = c.pace
		if !l.next(ctx, c.retry, try, o) {
			return resp, err
		}
	}
}

func requestBody(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

// try sends the request once and classifies the result.
func (l *link) try(ctx context.Context, c *call, req *http.Request, body []byte, try int) (*http.Response, outcome, error) {
	start := time.Now()
	c.note(func(n *callNotes) { n.tries, n.status, n.answer, n.proxy = try, 0, answer{}, "" })
	if c.tryLimit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.tryLimit)
		defer cancel()
	}
	resp, sent, err := l.send(ctx, c.retry, req, body)
	if err != nil {
		stale, permanent := errors.Is(err, errStaleConn), isPermanent(err) || c.hasOtherHost && unresolved(err)
		l.log.Debug("aws call", "service", c.service, "op", c.op, "host", req.URL.Host, "try", try, "ms", time.Since(start).Milliseconds(), "failed", true)
		return nil, outcome{failed: true, sent: sent, stale: stale, permanent: permanent}, err
	}
	a := readAnswer(resp)
	c.note(func(n *callNotes) {
		n.status, n.answer = resp.StatusCode, a
		n.retryAfter, _ = parseRetryAfter(resp.Header.Get("Retry-After"), l.now())
		if d, ok := l.skew(resp); ok {
			n.skew = d
		}
	})
	l.log.Debug("aws call", "service", c.service, "op", c.op, "host", req.URL.Host, "try", try, "ms", time.Since(start).Milliseconds(), "status", resp.StatusCode)
	o := outcome{status: resp.StatusCode, code: a.code, retryAfter: resp.Header.Get("Retry-After")}
	if !a.fromAWS(resp, c.json) {
		o.permanent = true
		return nil, o, &Fault{Kind: NotAWS, html: a.html}
	}
	return resp, o, nil
}

// isPermanent reports whether a retry would fail too.
func isPermanent(err error) bool {
	var proxy *proxyError
	if errors.As(err, &proxy) {
		return proxy.status < http.StatusInternalServerError
	}
	if errors.As(err, new(*Fault)) { // rejected by dial
		return true
	}
	kind, _ := describeNetworkError(err, "")
	return kind == TLS || kind == BadResponse || errors.Is(err, errNoService)
}

// send performs one exchange and reads the body. sent reports whether part of the request
// may have reached the server.
func (l *link) send(ctx context.Context, p policy, req *http.Request, body []byte) (resp *http.Response, sent bool, err error) {
	var wrote atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }}
	newRequest := func() *http.Request { return l.request(httptrace.WithClientTrace(ctx, trace), req, body) }
	if p == retryAlways {
		if resp, ok, err := l.sendPreopened(ctx, newRequest()); ok {
			callFrom(ctx).note(func(n *callNotes) { n.tunneled = true })
			return resp, true, err
		}
	}
	if resp, err = l.roundTrip(newRequest()); err != nil {
		return nil, wrote.Load(), err
	}
	return resp, true, readBody(resp)
}

// roundTrip sends all requests, including those to pages outside AWS.
func (l *link) roundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.transport.RoundTrip(req)
	if unknownAuthority(err) && l.bundle != "" {
		err = &untrustedCertError{l.bundle, err}
	}
	return resp, err
}

// request copies the SDK's request for one try. The signature does not cover User-Agent or
// the connection, so it is valid for all tries.
func (l *link) request(ctx context.Context, req *http.Request, body []byte) *http.Request {
	out := req.Clone(ctx)
	if l.userAgent != "" {
		out.Header.Set("User-Agent", l.userAgent+" "+req.Header.Get("User-Agent"))
	}
	out.Body, out.GetBody = nil, nil
	if body != nil {
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		out.Body, _ = out.GetBody()
		out.ContentLength = int64(len(body))
	}
	return out
}

func unknownAuthority(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	preopened := l.preopened
	l.preopened = map[string]*preopenedConn{}
	l.mu.Unlock()
	for _, p := range preopened {
		crash.Go(func() { p.close() })
	}
	if t, ok := l.transport.(*http.Transport); ok && l.ownTransport {
		t.CloseIdleConnections()
	}
}
