package awsclient

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair listens at the two addresses of localhost, at those that are wanted, with one port.
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
			t.Skipf("no IPv6 here: %v", err)
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
	t.Fatal("no port is free at both addresses")
	return ""
}

func TestDialLocalhost(t *testing.T) {
	// silence keeps the dialer from connecting to an address, as a firewall would.
	silence := func(silent string) func(context.Context, string, string, syscall.RawConn) error {
		return func(ctx context.Context, _, address string, _ syscall.RawConn) error {
			if silent != "" && strings.HasPrefix(address, silent) {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
	}
	for _, tt := range []struct {
		name      string
		four, six bool
		silent    string
		want      string // where it got, or what the error is about
	}{
		{"both", true, true, "", "127.0.0.1:"},
		{"IPv4 alone", true, false, "", "127.0.0.1:"},
		{"IPv6 alone", false, true, "", "[::1]:"},
		{"IPv4 is silent", true, true, "127.0.0.1:", "[::1]:"},
		{"IPv6 is silent", true, true, "[::1]:", "127.0.0.1:"},
		{"neither", false, false, "", "127.0.0.1:"},
		{"IPv6 alone, and silent", false, true, "[::1]:", "127.0.0.1:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			d := &net.Dialer{Timeout: 5 * time.Second, ControlContext: silence(tt.silent)}
			conn, err := dialLocalhost(ctx, d, "tcp", pair(t, tt.four, tt.six))
			switch {
			case !tt.four && (!tt.six || tt.silent != ""):
				if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v", err)
				}
			case err != nil || !strings.HasPrefix(conn.RemoteAddr().String(), tt.want):
				t.Errorf("connected to %v, %v", conn, err)
			default:
				conn.Close()
			}
		})
	}
}

func TestDialLocalhostEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := &net.Dialer{ControlContext: func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}
	if _, err := dialLocalhost(ctx, d, "tcp", "1"); !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "operation was canceled") {
		t.Errorf("%v", err)
	}
}
