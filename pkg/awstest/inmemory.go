package awstest

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// pipes replaces the network if Options.InMemory is set. Each connection is a net.Pipe,
// which does not wait for the system. That is required by testing/synctest, whose clock
// advances only while all goroutines are blocked.
type pipes struct {
	incoming chan net.Conn
	once     sync.Once
	down     chan struct{}
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), down: make(chan struct{})} }

// dial connects to the server, or fails with "connection refused" if there is none.
func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.incoming <- server:
		return client, nil
	case <-p.down:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.down:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.down) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "awstest", Net: "unix"} }

// openPipes serves a new set of pipes, as openProxy serves a port.
func (a *AWS) openPipes() {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := newPipes()
	a.net.proxy, a.net.servers = p, nil
	a.serveHTTP(p, http.HandlerFunc(a.serveHost))
}

// cutPipes closes every connection. Call with mu held.
func (a *AWS) cutPipes() {
	for _, s := range a.net.servers {
		s.Close()
	}
}

// serveHost selects the service by the Host header, because there is no TLS handshake.
func (a *AWS) serveHost(w http.ResponseWriter, r *http.Request) {
	t, ok := parseHost(strings.TrimSuffix(r.Host, ":443"))
	if !ok {
		http.Error(w, "no such host here", http.StatusMisdirectedRequest)
		return
	}
	a.serve(w, r, t)
}

// pipe opens a connection without TLS to a fake that uses Options.InMemory.
func (a *AWS) pipe(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, _ := strings.Cut(address, ":")
	a.mu.Lock()
	p := a.net.proxy.(*pipes)
	a.mu.Unlock()
	c, err := p.dial(ctx)
	a.noteConnection(host, err == nil)
	if err != nil {
		return nil, err
	}
	a.piped.Add(1)
	return &pipedConn{Conn: c, closed: sync.OnceFunc(func() { a.piped.Add(-1) })}, nil
}

type pipedConn struct {
	net.Conn
	closed func()
}

func (c *pipedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// pipedTransport keeps idle connections open as long as the helper's transport does.
func (a *AWS) pipedTransport() *http.Transport {
	return &http.Transport{DialTLSContext: a.pipe, IdleConnTimeout: 30 * time.Second, DisableCompression: true}
}

// OpenConnections returns the number of connections that clients have not closed. It works
// only with Options.InMemory.
func (a *AWS) OpenConnections() int { return int(a.piped.Load()) }
