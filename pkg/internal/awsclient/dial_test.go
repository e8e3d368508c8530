package awsclient

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
)

// pair listens on the same port of localhost's IPv4 or IPv6 address, or both.
func pair(t *testing.T, four, six bool) (port string) {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		m, err := net.Listen("tcp", "[::1]:"+port)
		if errors.Is(err, syscall.EADDRINUSE) {
			l.Close()
			continue
		}
		if err != nil {
			l.Close()
			t.Skipf("no IPv6 on this machine: %v", err)
		}
		for l, wanted := range map[net.Listener]bool{l: four, m: six} {
			if wanted {
				t.Cleanup(func() { l.Close() })
			} else {
				l.Close()
			}
		}
		return port
	}
	t.Fatal("no port is free on both addresses")
	return ""
}

// The resolver returns this machine's addresses for localhost, and dial tries both.
func TestDialLocalhost(t *testing.T) {
	loaded := &roots{ready: make(chan struct{})}
	close(loaded.ready)
	for _, tt := range []struct {
		name      string
		four, six bool
	}{
		{"both", true, true}, {"IPv4 alone", true, false}, {"neither", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := dial(t.Context(), new(net.Dialer), loaded, "tcp", "localhost:"+pair(t, tt.four, tt.six))
			switch {
			case !tt.four && !tt.six:
				if !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("error %v", err)
				}
			case err != nil:
				t.Error(err)
			default:
				conn.Close()
			}
		})
	}
}

// A hosts file or a resolver may map localhost to another machine.
func TestLocalhostOnAnotherMachineIsRejected(t *testing.T) {
	for address, refused := range map[string]bool{"127.0.0.1": false, "127.1.2.3": false, "::1": false, "::ffff:127.0.0.1": false, "192.0.2.1": true, "2001:db8::1": true, "0.0.0.0": true} {
		peer := &net.TCPAddr{IP: net.ParseIP(address), Port: 80}
		if err := checkLocalhost("localhost", peer); (err != nil) != refused {
			t.Errorf("%s: error %v", address, err)
		} else if refused && (faultOf(t, err).Kind != InsecureEndpoint || !isPermanent(err)) {
			t.Errorf("%s: error %v", address, err)
		}
		if err := checkLocalhost("sts.amazonaws.com", peer); err != nil {
			t.Errorf("%s: error %v", address, err)
		}
	}
}

func TestIsLinkLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"169.254.169.254": true, "169.254.170.2": true, "169.254.170.23": true, "fd00:ec2::23": true, "fd00:ec2::254": true,
		"127.0.0.1": false, "10.0.0.1": false, "fd00::1": false, "localhost": false, "169.254.170.2.example.com": false, "": false,
	} {
		if isLinkLocal(host) != want {
			t.Errorf("%q: got %v", host, !want)
		}
	}
}

// Only a timeout of a link-local service ends the retries. A refused connection is a
// response, and for other hosts a packet may have been lost.
func TestSilentLinkLocalServicesAreNotRetried(t *testing.T) {
	silence := &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		host string
		err  error
		want bool
	}{
		"silent link-local service":       {"169.254.170.2", silence, true},
		"link-local service that refuses": {"169.254.170.2", refused, false},
		"another silent host":             {"192.0.2.1", silence, false},
	} {
		if got := errors.Is(markNoService(c.host, c.err), errNoService); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if kind, text := describeNetworkError(markNoService("169.254.170.2", silence), "169.254.170.2"); kind != Timeout || text != "no response from 169.254.170.2 in time" {
		t.Errorf("got %v, %q", kind, text)
	}
}
