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
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	maxHeader        = 64 << 10
	// idleTime is how long a connection waits for a request.
	idleTime = 30 * time.Second
)

// link is the way to AWS, as the SDK's HTTP client: it follows no redirect,
// reads every answer whole within the cap, and does the retrying below the SDK,
// so that one rule holds for every service, those inside the SDK's credential
// chain too.
type link struct {
	retrier
	serverTime
	log       *slog.Logger
	userAgent string
	via       http.RoundTripper
	ours      bool              // via is not the caller's
	bundle    string            // the setting that names the roots instead of the system's
	config    func() aws.Config // the configuration that all service clients share

	mu   sync.Mutex
	open map[string]*opening
	shut bool
}

func newLink(o Options) (*link, error) {
	l := &link{
		retrier: newRetrier(o.Now), log: o.Logger, userAgent: o.UserAgent, open: map[string]*opening{},
	}
	l.config = sync.OnceValue(func() aws.Config { return loadConfig(l) })
	if o.Transport != nil {
		l.via = o.Transport
		return l, nil
	}
	proxy, err := proxyRule(o.Env)
	if err != nil {
		return nil, err
	}
	r := loadRoots(o)
	l.via, l.ours, l.bundle = newTransport(r, proxy, o), true, r.source
	return l, nil
}

func newTransport(r *roots, proxy func(*http.Request) (*url.URL, error), o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // one request a connection: HTTP/2 brings nothing
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
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  o.Phase,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // the answers are small, and one decompression less to cap
		IdleConnTimeout:        idleTime,
		Protocols:              protocols,
	}
}

// dial connects; what the connection then reads is held back until the roots are.
// The name localhost goes to loopback without asking the resolver, since an endpoint
// there may be plain http.
func dial(ctx context.Context, d *net.Dialer, r *roots, network, address string) (net.Conn, error) {
	defer crash.Recover() // net/http calls it in a goroutine of its own
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if nextDoor(host) {
		d = &net.Dialer{Timeout: nextDoorTime}
	}
	var conn net.Conn
	if host == "localhost" {
		conn, err = dialLocalhost(ctx, d, network, port)
	} else {
		conn, err = d.DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, notThere(host, err)
	}
	return &heldBack{Conn: conn, roots: r, closed: make(chan struct{})}, nil
}

// heldBack reads nothing before the roots are read. The first words to the server,
// or to the proxy, are on their way meanwhile; a certificate is looked at only
// when one was read.
type heldBack struct {
	net.Conn
	roots  *roots
	once   sync.Once
	closed chan struct{}
}

func (c *heldBack) Read(b []byte) (int, error) {
	select {
	case <-c.roots.ready:
	case <-c.closed:
		return 0, net.ErrClosed
	}
	if c.roots.err != nil {
		return 0, c.roots.err
	}
	return c.Conn.Read(b)
}

func (c *heldBack) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Do sends a request of the SDK and returns the answer with its body read.
func (l *link) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	c := callFrom(ctx)
	c.note(func(n *callNotes) { *n = callNotes{host: req.URL.Host, noMetadata: n.noMetadata} })
	if err := l.guard(req.URL); err != nil {
		return nil, err
	}
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		resp, o, err := l.try(ctx, c, req, body, try)
		if !l.next(ctx, c.again, try, o) {
			return resp, err
		}
	}
}

func takeBody(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

// try sends the request once and judges what comes back.
func (l *link) try(ctx context.Context, c *call, req *http.Request, body []byte, try int) (*http.Response, outcome, error) {
	start := time.Now()
	c.note(func(n *callNotes) { n.tries, n.status, n.answer, n.proxy = try, 0, answer{}, "" })
	resp, sent, err := l.send(ctx, c.again, req, body)
	if err != nil {
		stale, permanent := errors.Is(err, errStale), l.hopeless(err) || c.older && unresolved(err)
		l.log.Debug("aws call", "service", c.service, "op", c.op, "host", req.URL.Host, "try", try, "ms", time.Since(start).Milliseconds(), "failed", true)
		return nil, outcome{failed: true, sent: sent, stale: stale, permanent: permanent}, err
	}
	said := readAnswer(resp)
	c.note(func(n *callNotes) {
		n.status, n.answer = resp.StatusCode, said
		if d, ok := l.skew(resp); ok {
			n.skew = d
		}
	})
	l.log.Debug("aws call", "service", c.service, "op", c.op, "host", req.URL.Host, "try", try, "ms", time.Since(start).Milliseconds(), "status", resp.StatusCode)
	o := outcome{status: resp.StatusCode, code: said.code, retryAfter: resp.Header.Get("Retry-After")}
	if !said.fromAWS(resp, c.json) {
		o.permanent = true
		return nil, o, &Fault{Kind: NotAWS, html: said.html}
	}
	return resp, o, nil
}

// send makes one exchange and reads the body. sent tells whether the request,
// or a part of it, may have reached the server.
func (l *link) send(ctx context.Context, p policy, req *http.Request, body []byte) (resp *http.Response, sent bool, err error) {
	var wrote atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }}
	out := func() *http.Request { return l.request(httptrace.WithClientTrace(ctx, trace), req, body) }
	if p == always {
		if resp, ok, err := l.overOpened(ctx, out()); ok {
			callFrom(ctx).note(func(n *callNotes) { n.tunneled = true })
			return resp, true, err
		}
	}
	if resp, err = l.roundTrip(out()); err != nil {
		return nil, wrote.Load(), err
	}
	return resp, true, readBody(resp)
}

// roundTrip is the one way to a server, for a page that is not AWS's too.
func (l *link) roundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.via.RoundTrip(req)
	if unknownAuthority(err) && l.bundle != "" {
		err = &strangerError{l.bundle, err}
	}
	return resp, err
}

// request copies the SDK's request. The signature covers neither User-Agent nor
// the connection, so it stays good for every try.
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

// hopeless tells a failure that would only repeat itself.
func (l *link) hopeless(err error) bool {
	var proxy *proxyError
	if errors.As(err, &proxy) {
		return proxy.status < http.StatusInternalServerError
	}
	kind, _ := networkCause(err, "")
	return kind == TLS || kind == BadAnswer || errors.Is(err, errNobodyThere)
}

func (l *link) close() {
	l.mu.Lock()
	l.shut = true
	open := l.open
	l.open = map[string]*opening{}
	l.mu.Unlock()
	for _, o := range open {
		crash.Go(func() { o.drop() })
	}
	if t, ok := l.via.(*http.Transport); ok && l.ours {
		t.CloseIdleConnections()
	}
}
