package awsclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// dial connects to the server or the proxy. The connection accepts writes immediately but
// does not read before the roots are loaded.
func dial(ctx context.Context, d *net.Dialer, r *roots, network, address string) (net.Conn, error) {
	defer crash.Recover() // net/http calls it in its own goroutine
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if isLinkLocal(host) {
		d = &net.Dialer{Timeout: linkLocalTimeout}
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, markNoService(host, err)
	}
	if err := checkLocalhost(host, conn.RemoteAddr()); err != nil {
		conn.Close()
		return nil, err
	}
	return &rootsGatedConn{Conn: conn, roots: r, closed: make(chan struct{})}, nil
}

// checkLocalhost rejects a connection to localhost if the name resolved to another machine,
// because such an endpoint may use plain http.
func checkLocalhost(host string, peer net.Addr) error {
	if host != "localhost" {
		return nil
	}
	if tcp, ok := peer.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return nil
	}
	return &Fault{Kind: InsecureEndpoint, cause: fmt.Sprintf("localhost resolves to another machine (%s)", peer)}
}

// rootsGatedConn delays reading until the root certificates are loaded. Meanwhile, the
// first bytes travel to the server or the proxy. TLS does not verify certificates before it
// has read them.
type rootsGatedConn struct {
	net.Conn
	roots  *roots
	once   sync.Once
	closed chan struct{}
}

// Read implements net.Conn.
func (c *rootsGatedConn) Read(b []byte) (int, error) {
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

// Close implements net.Conn.
func (c *rootsGatedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// linkLocalTimeout is the connect timeout for link-local services. They respond within a
// millisecond. Without such a service, packets are often dropped, and a build should find
// out soon that there are no credentials.
const linkLocalTimeout = time.Second

// linkLocalNets contains AWS's container and instance metadata services: 169.254.169.254
// and fd00:ec2::254 (EC2), 169.254.170.2 (ECS), 169.254.170.23 and fd00:ec2::23 (EKS).
// Plain http to them does not leave the machine's network.
var linkLocalNets = [...]netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fd00:ec2::/32"),
}

// isLinkLocal reports whether host is an address in linkLocalNets.
func isLinkLocal(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range linkLocalNets {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// errNoService means that a link-local service did not accept a connection in time. The
// call is not retried.
var errNoService = errors.New("no service at this address")

func markNoService(host string, err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && isLinkLocal(host) {
		return fmt.Errorf("%w: %w", errNoService, err)
	}
	return err
}

// Open starts to connect to the API that issues r's tokens (TCP and TLS, through the proxy
// if there is one) and returns immediately, so that AuthorizationToken has a connection
// ready. It reports no errors; the call that needs the connection does. ctx limits only the
// connecting. An unused connection is closed after idleTime.
func (c *Client) Open(ctx context.Context, reg registry.Registry) {
	endpoint, err := c.Endpoint(reg)
	if err != nil {
		return
	}
	u, err := url.Parse(endpoint)
	if err != nil || c.link.checkScheme(u) != nil {
		return
	}
	c.link.preopen(ctx, u, c.o)
}

// preopenedConn is a connection that is opened before the request that uses it.
type preopenedConn struct {
	done chan struct{}
	conn *http.ClientConn // nil if connecting failed; valid after done
}

func (p *preopenedConn) close() {
	<-p.done
	if p.conn != nil {
		p.conn.Close()
	}
}

func (l *link) preopen(ctx context.Context, u *url.URL, o Options) {
	transport, ok := l.transport.(*http.Transport)
	if !ok {
		return
	}
	key := connKey(u)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.preopened[key] != nil {
		return
	}
	p := &preopenedConn{done: make(chan struct{})}
	l.preopened[key] = p
	ctx, cancel := context.WithTimeout(ctx, o.Phase)
	crash.Go(func() {
		defer cancel()
		defer close(p.done)
		if conn, err := transport.NewClientConn(ctx, u.Scheme, net.JoinHostPort(u.Hostname(), portOf(u))); err == nil {
			p.conn = conn
		}
		time.AfterFunc(idleTime, crash.Guard(func() { l.closeUnused(key, p) }))
	})
}

// closeUnused closes a preopened connection that was not used within idleTime because an
// earlier step failed. Otherwise, a long-lived program would hold it until the server
// closes it.
func (l *link) closeUnused(key string, p *preopenedConn) {
	l.mu.Lock()
	unused := l.preopened[key] == p
	if unused {
		delete(l.preopened, key)
	}
	l.mu.Unlock()
	if unused {
		p.close()
	}
}

func connKey(u *url.URL) string { return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), portOf(u)) }

// errStaleConn means that a preopened connection broke.
var errStaleConn = errors.New("the preopened connection broke")

// sendPreopened sends req on the connection that Open made for its host. ok is false if
// there is none or if it is known to be closed (servers drop idle connections). The caller
// then opens a new one. Use it only for requests that may be repeated.
func (l *link) sendPreopened(ctx context.Context, req *http.Request) (resp *http.Response, ok bool, err error) {
	l.mu.Lock()
	key := connKey(req.URL)
	p := l.preopened[key]
	delete(l.preopened, key)
	l.mu.Unlock()
	if p == nil {
		return nil, false, nil
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		crash.Go(func() { p.close() })
		return nil, true, ctx.Err()
	}
	if p.conn == nil {
		return nil, false, nil
	}
	defer p.conn.Close()
	if p.conn.Err() != nil {
		return nil, false, nil
	}
	resp, err = p.conn.RoundTrip(req)
	if err == nil {
		err = readBody(resp)
	} else if ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", errStaleConn, err)
	}
	return resp, true, err
}

// proxyRule returns the Proxy function for http.Transport: Go's rule, applied to e. Only
// https uses a proxy, with CONNECT: plain http is for loopback and metadata addresses, and
// a proxy would see its secrets.
func proxyRule(e env.Set) (func(*http.Request) (*url.URL, error), error) {
	source := env.HTTPSProxy
	if e.Get(source) == "" {
		source = env.HTTPSProxyLower
	}
	rule := httpproxy.Config{
		HTTPSProxy: escapeUser(e.Get(source)),
		NoProxy:    cmp.Or(e.Get(env.NoProxy), e.Get(env.NoProxyLower)),
	}
	if err := checkProxy(source, rule.HTTPSProxy); err != nil {
		return nil, err
	}
	proxy := rule.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme != "https" {
			return nil, nil
		}
		return proxy(r.URL)
	}, nil
}

// checkProxy rejects addresses that the rule cannot use. Unlike the rule's own error, its
// error does not contain the address, which may include a password.
func checkProxy(source env.Var, raw string) error {
	if raw == "" {
		return nil
	}
	text := raw
	if !strings.Contains(raw, "://") {
		text = "http://" + raw
	}
	if u, err := url.Parse(text); err == nil && u.Hostname() != "" && proxyScheme(u.Scheme) {
		return nil
	}
	fault := &Fault{Kind: Network, Variable: source.Name(), cause: fmt.Sprintf("%s is not the address of a proxy", source.Name())}
	return hint.With(fault, fault.Next())
}

// escapeUser escapes characters in a proxy URL's user name and password that a URL does not
// allow, such as a percent sign that is not part of an escape. The AWS CLI, curl and Python
// accept them unescaped.
func escapeUser(address string) string {
	start := 0
	if i := strings.Index(address, "://"); i >= 0 {
		start = i + len("://")
	}
	end := len(address)
	if i := strings.IndexAny(address[start:], "/?#"); i >= 0 {
		end = start + i
	}
	at := strings.LastIndexByte(address[start:end], '@')
	if at < 0 {
		return address
	}
	var user strings.Builder
	for i, c := range []byte(address[start : start+at]) {
		if c == '%' && isEscape(address[start+i:]) || c != '%' && allowedInUser(c) {
			user.WriteByte(c)
		} else {
			fmt.Fprintf(&user, "%%%02X", c)
		}
	}
	return address[:start] + user.String() + address[start+at:]
}

func isEscape(s string) bool {
	if len(s) < 3 {
		return false
	}
	_, err := strconv.ParseUint(s[1:3], 16, 8)
	return err == nil && s[1] != '+' && s[1] != '-'
}

// allowedInUser reports whether RFC 3986 allows c in userinfo, except for the percent sign.
func allowedInUser(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:", c) >= 0
}

func proxyScheme(s string) bool {
	return s == "http" || s == "https" || s == "socks5" || s == "socks5h"
}

// portOf returns a URL's port.
func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// proxyError is the response of a proxy that rejects CONNECT.
type proxyError struct {
	host   string
	status int
}

func (e *proxyError) Error() string { return fmt.Sprintf("proxy %s returned %d", e.host, e.status) }

// unresolved reports whether a name has no address. A proxy then responds with 5xx.
func unresolved(err error) bool {
	if proxy, ok := errors.AsType[*proxyError](err); ok {
		return proxy.status >= http.StatusInternalServerError
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}
