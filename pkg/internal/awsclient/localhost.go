package awsclient

import (
	"context"
	"net"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
)

// fallbackDelay is how long the first address may be silent before the second one is
// tried beside it: what net.Dialer gives a name that it resolves (RFC 8305).
const fallbackDelay = 300 * time.Millisecond

// dialLocalhost connects to this machine without asking the resolver: to 127.0.0.1, and
// to ::1 as soon as that fails or keeps silent. The error is the first address's.
func dialLocalhost(ctx context.Context, d *net.Dialer, network, port string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		first bool
		conn  net.Conn
		err   error
	}
	done := make(chan outcome, 2)
	try := func(host string, first bool) {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(host, port))
		done <- outcome{first, conn, err}
	}
	crash.Go(func() { try("127.0.0.1", true) })
	silent := time.NewTimer(fallbackDelay)
	defer silent.Stop()
	var firstErr error
	for tried, open := 1, 1; open > 0; {
		select {
		case o := <-done:
			open--
			if o.err == nil {
				if open > 0 { // the other one may have come too
					crash.Go(func() {
						if late := <-done; late.conn != nil {
							late.conn.Close()
						}
					})
				}
				return o.conn, nil
			}
			if o.first {
				firstErr = o.err
			}
		case <-silent.C:
		}
		if tried == 1 {
			tried, open = 2, open+1
			crash.Go(func() { try("::1", false) })
		}
	}
	return nil, firstErr
}
