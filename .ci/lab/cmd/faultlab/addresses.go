//go:build linux

package main

import (
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// side is the state of one of a name's two addresses.
type side int

const (
	closed side = iota // the port is closed
	alive              // connections reach the target
	dead               // connections are neither accepted nor refused
)

// addresses: F-net-7: a name with an IPv4 and an IPv6 address, one of which does not
// work, and names with only one address. The helper must answer within five seconds.
func addresses() []fault {
	var all []fault
	for _, at := range []struct {
		id, what string
		v4, v6   side
	}{
		{"v6-dead", "its IPv6 address does not answer", alive, dead},
		{"v6-closed", "its IPv6 address refuses connections", alive, closed},
		{"v4-dead", "its IPv4 address does not answer", dead, alive},
		{"v4-closed", "its IPv4 address refuses connections", closed, alive},
	} {
		add := func(id, what string, set func(s *stage)) {
			all = append(all, rooted(fault{id: id + "-" + at.id, family: "F-net-7", what: what + ": " + at.what, want: is(answered),
				limit: 5*time.Second - slack, quick: true, slow: true, set: set}))
		}
		for _, name := range []string{"localhost", "two.test"} {
			add("proxy-"+strings.TrimSuffix(name, ".test"), "the proxy is at "+name+", which has two addresses", func(s *stage) {
				s.hosts("127.0.0.1 localhost two.test", "::1 localhost two.test")
				s.env("HTTPS_PROXY=" + s.movedTo(name, s.AWS.ProxyURL(), at.v4, at.v6))
			})
		}
		add("endpoint-localhost", "the endpoints are at localhost", func(s *stage) {
			s.hosts("127.0.0.1 localhost", "::1 localhost")
			s.endpointsAt("localhost", at.v4, at.v6)
		})
	}
	one := func(id, what string, set func(s *stage)) fault {
		return rooted(fault{id: id, family: "F-net-7", what: what, want: is(answered), limit: 5*time.Second - slack, quick: true, slow: true, set: set})
	}
	return append(all,
		one("proxy-six-name", "the proxy's name has only an IPv6 address", func(s *stage) {
			s.hosts("::1 six.test")
			s.env("HTTPS_PROXY=" + s.movedTo("six.test", s.AWS.ProxyURL(), closed, alive))
		}),
		one("proxy-six-literal", "the proxy is given as an IPv6 address", func(s *stage) {
			s.env("HTTPS_PROXY=" + s.movedTo("::1", s.AWS.ProxyURL(), closed, alive))
		}),
		one("endpoint-six-literal", "the endpoints are given as IPv6 addresses", func(s *stage) { s.endpointsAt("::1", closed, alive) }),
	)
}

// hosts replaces /etc/hosts for the run.
func (s *stage) hosts(lines ...string) {
	path := filepath.Join(s.dir, "hosts")
	s.must(os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
	s.mounted("mount --bind '" + path + "' /etc/hosts")
}

// endpointsAt moves all endpoints of the fake AWS to a different host name.
func (s *stage) endpointsAt(name string, v4, v6 side) {
	for _, setting := range s.AWS.EndpointEnv() {
		variable, endpoint, _ := strings.Cut(setting, "=")
		s.env(variable + "=" + s.movedTo(name, endpoint, v4, v6))
	}
}

// movedTo returns the URL with a different host name. Both addresses of the name use the
// same port.
func (s *stage) movedTo(name, from string, v4, v6 side) string {
	u, err := url.Parse(from)
	s.must(err)
	for range 20 { // a port that is free on one address may be in use on the other
		port, err := s.put("127.0.0.1", "0", u.Host, v4)
		if err == nil {
			port, err = s.put("::1", port, u.Host, v6)
		}
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
			s.cannot = "this machine has no IPv6"
			return from
		}
		s.must(err)
		u.Host = net.JoinHostPort(name, port)
		return u.String()
	}
	s.must(errors.New("no port is free at both addresses"))
	return ""
}

// put prepares one address and returns its port. If port is "0", put selects a free port.
func (s *stage) put(address, port, target string, what side) (string, error) {
	if what == alive {
		l, err := net.Listen("tcp", net.JoinHostPort(address, port))
		if err != nil {
			return "", err
		}
		s.serve(l, func(c net.Conn) { relay(c, target) })
		return portOf(l.Addr()), nil
	}
	n, err := strconv.Atoi(port)
	s.must(err)
	fd, at, err := bound(net.ParseIP(address), n)
	if err != nil {
		return "", err
	}
	// Bound but not listening: connections are rejected, and no other process gets the port.
	s.ends = append(s.ends, func() { _ = unix.Close(fd) })
	if what == dead {
		s.must(unix.Listen(fd, 0))
		s.fill(net.JoinHostPort(address, portOf(at)))
	}
	return portOf(at), nil
}

// fill fills a listener's queue. The system then drops further connections.
func (s *stage) fill(address string) {
	for range 8 {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return
		}
		s.must(err)
		s.ends = append(s.ends, func() { c.Close() })
	}
	s.must(errors.New("the queue of " + address + " does not fill"))
}

// bound returns a socket that is bound to an address.
func bound(ip net.IP, port int) (fd int, at net.Addr, err error) {
	family, sa := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: port, Addr: [16]byte(ip.To16())})
	if v4 := ip.To4(); v4 != nil {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: [4]byte(v4)}
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, nil, err
	}
	if err = unix.Bind(fd, sa); err == nil {
		if sa, err = unix.Getsockname(fd); err == nil {
			switch sa := sa.(type) {
			case *unix.SockaddrInet4:
				port = sa.Port
			case *unix.SockaddrInet6:
				port = sa.Port
			}
			return fd, &net.TCPAddr{IP: ip, Port: port}, nil
		}
	}
	_ = unix.Close(fd)
	return 0, nil, err
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// relay forwards a connection to target, the address of the fake AWS.
func relay(c net.Conn, target string) {
	to, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		_, _ = io.Copy(to, c)
		_ = to.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, to)
}
