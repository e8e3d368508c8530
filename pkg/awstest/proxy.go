package awstest

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// network contains the listeners and connections.
type network struct {
	proxy     net.Listener
	address   string // proxy address; does not change while the proxy is down
	down      bool
	tls       net.Listener
	servers   []*http.Server
	endpoints map[Op]net.Listener // loopback endpoints, by service
	tunnels   map[*tunnel]bool
}

// serveTLS starts the TLS server that all CONNECT tunnels lead to.
func (a *AWS) serveTLS() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a.net.tls, a.net.tunnels, a.net.endpoints = l, map[*tunnel]bool{}, map[Op]net.Listener{}
	conf := &tls.Config{GetCertificate: a.certificate, GetConfigForClient: a.oldTLS, NextProtos: []string{"http/1.1"}}
	a.serveHTTP(tls.NewListener(l, conf), http.HandlerFunc(a.serveName))
	return nil
}

func (a *AWS) serveHTTP(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0), TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	a.net.servers = append(a.net.servers, s)
	go s.Serve(l)
}

// serveName selects the service by the server name in the TLS handshake. The request must
// have the same host.
func (a *AWS) serveName(w http.ResponseWriter, r *http.Request) {
	host := strings.TrimSuffix(strings.ToLower(r.Host), ":443")
	t, ok := a.hostOf(host)
	if !ok || r.TLS == nil || !strings.EqualFold(r.TLS.ServerName, host) {
		http.Error(w, "no such host here", http.StatusMisdirectedRequest)
		return
	}
	a.serve(w, r, t)
}

// openProxy listens for CONNECT requests. After Down, it listens on the same port again.
func (a *AWS) openProxy() error {
	if a.opt.InMemory {
		a.openPipes()
		return nil
	}
	address := cmp.Or(a.net.address, "127.0.0.1:0")
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.net.proxy = l
	if a.net.address == "" {
		a.net.address = l.Addr().String()
	}
	a.mu.Unlock()
	go a.accept(l, a.connect)
	return nil
}

func (a *AWS) accept(l net.Listener, each func(*net.TCPConn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go each(c.(*net.TCPConn))
	}
}

// ProxyURL returns the value for HTTPS_PROXY, with the user and password from the options,
// or "" if there is no network.
func (a *AWS) ProxyURL() string {
	if a.opt.InMemory {
		return ""
	}
	u := &url.URL{Scheme: "http", Host: a.net.address}
	if name, password, ok := strings.Cut(a.opt.ProxyUser, ":"); ok {
		u.User = url.UserPassword(name, password)
	}
	return u.String()
}

// connect handles one proxy client: a CONNECT request, then the tunneled bytes.
func (a *AWS) connect(c *net.TCPConn) {
	in := bufio.NewReader(c)
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	r, err := http.ReadRequest(in)
	if err != nil {
		c.Close()
		return
	}
	c.SetReadDeadline(time.Time{})
	refuse := func(host, status, header string) {
		a.noteConnection(host, false)
		io.WriteString(c, "HTTP/1.1 "+status+"\r\n"+header+"Content-Length: 0\r\nConnection: close\r\n\r\n")
		c.Close()
	}
	host, port, err := net.SplitHostPort(r.Host)
	t, known := a.hostOf(host)
	switch {
	case r.Method != http.MethodConnect || err != nil || port != "443" || !known:
		refuse(r.Host, "502 Bad Gateway", "")
		return
	case !a.mayProxy(r):
		refuse(host, "407 Proxy Authentication Required", "Proxy-Authenticate: Basic realm=\"awstest\"\r\n")
		return
	}
	switch f := a.take(t.service, Any, t.host, connectPhase); f.kind() {
	case RefuseConnect:
		status := cmp.Or(f.Status, http.StatusForbidden) // 502 or 503: name not resolved
		refuse(host, fmt.Sprintf("%d %s", status, http.StatusText(status)), "")
		return
	case SilentConnect:
		a.noteConnection(host, true)
		f.hang(a, c)
		return
	}
	a.noteConnection(host, true)
	opened := time.Now()
	waitUntil(opened.Add(a.opt.RTT), a.closing, nil) // time for the proxy to connect to the host
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		c.Close()
		return
	}
	a.tunnelTo(t, c, in, a.net.tls.Addr().String(), opened)
}

func (a *AWS) mayProxy(r *http.Request) bool {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(a.opt.ProxyUser))
	return a.opt.ProxyUser == "" || r.Header.Get("Proxy-Authorization") == want
}

// tunnelTo connects the client to one of the fake's servers until either side closes.
func (a *AWS) tunnelTo(t target, c *net.TCPConn, in io.Reader, server string, opened time.Time) {
	s, err := net.Dial("tcp", server)
	if err != nil {
		c.Close()
		return
	}
	tun := &tunnel{target: t, ends: [2]*net.TCPConn{c, s.(*net.TCPConn)}, over: make(chan struct{})}
	a.mu.Lock()
	select {
	case <-a.closing:
		a.mu.Unlock()
		tun.drop()
		return
	default:
	}
	a.net.tunnels[tun] = true
	a.mu.Unlock()
	tun.run(in, a.opt.RTT/2, opened.Add(a.opt.RTT))
	a.mu.Lock()
	delete(a.net.tunnels, tun)
	a.mu.Unlock()
}

// URL returns a plain-HTTP loopback endpoint for a service (for AWS_ENDPOINT_URL_*). It
// accepts all regions and has the same delays and faults as the proxy.
func (a *AWS) URL(service Op) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.net.endpoints[service]; l != nil {
		return "http://" + l.Addr().String()
	}
	l, err := a.listenEndpoint(service, "127.0.0.1:0")
	if err != nil {
		panic("awstest: " + err.Error())
	}
	return "http://" + l.Addr().String()
}

// ListenAt serves a service at a fixed address, in a network namespace that has this
// address: 169.254.169.254:80 for Metadata; 169.254.170.2:80 (ECS) and 169.254.170.23:80
// (EKS) for Container.
func (a *AWS) ListenAt(service Op, address string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err := a.listenEndpoint(service, address)
	return err
}

// listenEndpoint listens for one service over plain HTTP. Call with mu held.
func (a *AWS) listenEndpoint(service Op, address string) (net.Listener, error) {
	back, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	endpoint, err := net.Listen("tcp", address)
	if err != nil {
		back.Close()
		return nil, err
	}
	t := target{host: endpoint.Addr().String(), service: service}
	a.net.endpoints[service] = endpoint
	a.serveHTTP(back, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, t) }))
	go a.accept(endpoint, func(c *net.TCPConn) {
		f := a.take(t.service, Any, t.host, connectPhase)
		a.noteConnection(t.host, f.kind() != RefuseConnect)
		switch f.kind() {
		case RefuseConnect:
			c.SetLinger(0)
			c.Close()
		case SilentConnect:
			f.hang(a, c)
		default:
			a.tunnelTo(t, c, c, back.Addr().String(), time.Now())
		}
	})
	return endpoint, nil
}

// Transport returns an HTTP transport that uses the proxy and trusts the CA, like a client
// with HTTPS_PROXY and SSL_CERT_FILE.
func (a *AWS) Transport() *http.Transport {
	if a.opt.InMemory {
		return a.pipedTransport()
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.ca.cert)
	proxy, _ := url.Parse(a.ProxyURL())
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme != "https" {
				return nil, nil
			}
			return proxy, nil
		},
	}
}

// dropTunnels closes the connections to the services that a fault covers, so that the next
// call is affected.
func (a *AWS) dropTunnels(op Op, host string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t := range a.net.tunnels {
		if (op == Any || op.service() == t.target.service) && (host == "" || host == t.target.host) {
			go t.drop()
		}
	}
}

func (a *AWS) closeNetwork() {
	a.mu.Lock()
	n := a.net
	a.mu.Unlock()
	if n.proxy != nil {
		n.proxy.Close()
	}
	for _, l := range n.endpoints {
		l.Close()
	}
	for _, s := range n.servers {
		s.Close()
	}
	a.dropTunnels(Any, "")
}
