package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// opening is a connection that is being made ahead of its request.
type opening struct {
	done chan struct{}
	conn *http.ClientConn // nil when it failed; valid after done
}

func (o *opening) drop() {
	<-o.done
	if o.conn != nil {
		o.conn.Close()
	}
}

// Open begins to connect to the API that issues r's tokens (TCP and TLS, through
// the proxy if there is one) and returns at once, so that AuthorizationToken
// finds the connection ready. It reports nothing: what is wrong shows, with its
// reason, when the connection is needed. ctx bounds the connecting only; a
// connection that nobody comes for is closed after a while.
func (c *Client) Open(ctx context.Context, r registry.Registry) {
	endpoint, err := c.Endpoint(r)
	if err != nil {
		return
	}
	u, err := url.Parse(endpoint)
	if err != nil || c.link.guard(u) != nil {
		return
	}
	c.link.preopen(ctx, u, c.o)
}

func (l *link) preopen(ctx context.Context, u *url.URL, o Options) {
	via, ok := l.via.(*http.Transport)
	if !ok {
		return
	}
	key := connKey(u)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut || l.open[key] != nil {
		return
	}
	opened := &opening{done: make(chan struct{})}
	l.open[key] = opened
	ctx, cancel := context.WithTimeout(ctx, o.Phase)
	crash.Go(func() {
		defer cancel()
		defer close(opened.done)
		if conn, err := via.NewClientConn(ctx, u.Scheme, net.JoinHostPort(u.Hostname(), portOf(u))); err == nil {
			opened.conn = conn
		}
		time.AfterFunc(idleTime, crash.Guard(func() { l.forget(key, opened) }))
	})
}

// forget closes a connection that nobody has come for, since what had to come before
// it failed. A program that lives long would keep it for as long as the server does.
func (l *link) forget(key string, o *opening) {
	l.mu.Lock()
	waiting := l.open[key] == o
	if waiting {
		delete(l.open, key)
	}
	l.mu.Unlock()
	if waiting {
		o.drop()
	}
}

func connKey(u *url.URL) string { return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), portOf(u)) }

// errStale is the failure of a connection that was opened ahead.
var errStale = errors.New("the connection opened ahead died")

// overOpened sends req over the connection that Open made for its host. ok is
// false when there is none, or when it is known to be dead (servers drop a silent
// connection): then the request goes the ordinary way. Only for requests that may
// be repeated.
func (l *link) overOpened(ctx context.Context, req *http.Request) (resp *http.Response, ok bool, err error) {
	l.mu.Lock()
	key := connKey(req.URL)
	o := l.open[key]
	delete(l.open, key)
	l.mu.Unlock()
	if o == nil {
		return nil, false, nil
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		crash.Go(func() { o.drop() })
		return nil, true, ctx.Err()
	}
	if o.conn == nil {
		return nil, false, nil
	}
	defer o.conn.Close()
	if o.conn.Err() != nil {
		return nil, false, nil
	}
	resp, err = o.conn.RoundTrip(req)
	if err == nil {
		err = readBody(resp)
	} else if ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", errStale, err)
	}
	return resp, true, err
}
