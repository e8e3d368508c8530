package awsclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func contextWithTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// opened waits until Open has connected or failed.
func opened(t *testing.T, c *Client) *http.ClientConn {
	t.Helper()
	c.link.mu.Lock()
	open := slices.Collect(maps.Values(c.link.preopened))
	c.link.mu.Unlock()
	if len(open) != 1 {
		t.Fatalf("%d preopened connections, want 1", len(open))
	}
	<-open[0].done
	return open[0].conn
}

func TestOpenSavesConnection(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	c.Open(t.Context(), w.reg)
	c.Open(t.Context(), w.reg) // once is enough
	if err := w.authorize(c); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Connections()); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestBrokenPreopenedConnectionsAreReplaced(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	c.Open(t.Context(), w.reg)
	conn, dead := opened(t, c), make(chan struct{})
	conn.SetStateHook(func(c *http.ClientConn) {
		if c.Err() != nil {
			close(dead)
		}
	})
	w.Fail(awstest.ECR, awstest.Fault{Kind: awstest.DropConnection})
	<-dead
	// A connection that is known to be closed does not count as a try, so all three tries
	// reach ECR.
	w.Fail(awstest.ECR, awstest.Fault{Kind: awstest.Reset, Times: 2})
	if err := w.authorize(c); err != nil {
		t.Fatal(err)
	}
	if n := w.Calls(awstest.ECR); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
	if n := len(w.Connections()); n != 4 {
		t.Errorf("%d connections, want 4", n)
	}
}

func TestPreopenedConnectionsDoNotAddTries(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	c.Open(t.Context(), w.reg)
	w.Fail(awstest.ECR, awstest.Fault{Kind: awstest.Reset})
	if f := faultOf(t, w.authorize(c)); f.Kind != Network {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
	if n := w.Calls(awstest.ECR); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
}

func TestCloseEndsOpen(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	w.Fail(awstest.ECR, awstest.Fault{Kind: awstest.WrongCA, Times: 1})
	c := w.client(t)
	c.Open(t.Context(), w.reg)
	opened(t, c)
	if err := w.authorize(c); err != nil {
		t.Error(err)
	}
	c.Open(t.Context(), w.reg)
	opened(t, c)
	c.Close()
	if len(c.link.preopened) != 0 {
		t.Error("still open")
	}
	c.Open(t.Context(), w.reg)
	if len(c.link.preopened) != 0 {
		t.Error("opened after Close")
	}
}

// Open also works for IP addresses.
func TestOpenIPAddress(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		w := newWorld(t, awstest.Options{})
		if err := w.ListenAt(awstest.ECR, address); err != nil {
			t.Log(err) // no IPv6 on this machine
			continue
		}
		w.env = append(w.env, "AWS_ENDPOINT_URL_ECR="+w.URL(awstest.ECR))
		c := w.client(t)
		c.Open(t.Context(), w.reg)
		if opened(t, c) == nil {
			t.Errorf("%s was not opened", w.URL(awstest.ECR))
		}
		if err := w.authorize(c); err != nil {
			t.Error(err)
		}
		if n := len(w.Connections()); n != 1 {
			t.Errorf("%s: %d connections, want 1", address, n)
		}
	}
}

// If the call that needs the connection is never made, a long-lived program must close the
// connection.
func TestUnusedPreopenedConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awstest.Options{InMemory: true})
		c := w.client(t, func(o *Options) { o.Env, o.Transport = env.Set{}, w.Transport() })
		c.Open(t.Context(), w.reg)
		time.Sleep(idleTime / 2)
		if err := w.authorize(c); err != nil { // used in time
			t.Fatal(err)
		}
		c.Open(t.Context(), w.reg)
		time.Sleep(idleTime + time.Second)
		if n := len(w.Connections()); n != 2 {
			t.Errorf("%d connections were made, want 2", n)
		}
		if n := w.OpenConnections(); n != 0 || len(c.link.preopened) != 0 {
			t.Errorf("%d connections are open, %d preopened", n, len(c.link.preopened))
		}
	})
}

func TestOpenWithCallersTransport(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t, func(o *Options) { o.Env, o.Transport = env.Set{}, w.Transport() })
	c.Open(t.Context(), w.reg)
	if err := w.authorize(c); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Connections()); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestProxyPassword(t *testing.T) {
	w := newWorld(t, awstest.Options{ProxyUser: "me:hunter2"})
	if err := w.authorize(w.client(t)); err != nil {
		t.Fatal(err)
	}
	for _, proxy := range []string{"http://me:hunter3@" + strings.Split(w.ProxyURL(), "@")[1], "http://me:hunter3@127.0.0.1:1", "http://me:hunter3@%zz"} {
		w.env = append(w.env, "HTTPS_PROXY="+proxy)
		c, err := New(Options{Env: env.FromList(w.env), Phase: testLimit})
		if err == nil {
			err = w.authorize(c)
			c.Close()
		}
		f := faultOf(t, err)
		if f.Kind != Network || strings.Contains(f.Error(), "hunter") || f.Err != nil && strings.Contains(f.Err.Error(), "hunter") {
			t.Errorf("kind %d: %v (%v)", f.Kind, f, f.Err)
		}
	}
}

func TestNoProxy(t *testing.T) {
	tests := []struct {
		list, url string
		direct    bool
	}{
		{"", "https://api.ecr.eu-west-1.amazonaws.com", false},
		{"", "https://localhost:1", true},
		{"", "https://127.0.0.9", true},
		{"", "https://[::1]:1", true},
		{"*", "https://api.ecr.eu-west-1.amazonaws.com", true},
		{"amazonaws.com", "https://api.ecr.eu-west-1.amazonaws.com", true},
		{"amazonaws.com", "https://amazonaws.com", true},
		{"amazonaws.com", "https://evilamazonaws.com", false},
		{".amazonaws.com", "https://amazonaws.com", false},
		{"*.amazonaws.com", "https://x.amazonaws.com", true},
		{"a, AMAZONAWS.com:443", "https://x.amazonaws.com", true},
		{"amazonaws.com:8443", "https://x.amazonaws.com", false},
		{"10.0.0.0/8", "https://10.1.2.3", true},
		{"10.0.0.0/8", "https://11.1.2.3", false},
		{"10.1.2.3:443", "https://10.1.2.3", true},
		{"[fd00::1]:443", "https://[fd00::1]", true},
		{"fd00::/16", "https://[fd00::1]", true},
	}
	for _, tt := range tests {
		proxy, err := proxyRule(env.FromMap(map[string]string{"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": tt.list}))
		if err != nil {
			t.Fatal(err)
		}
		u, err := proxy(get(t, tt.url))
		if err != nil || (u == nil) != tt.direct || u != nil && u.String() != "http://proxy.example:3128" {
			t.Errorf("NO_PROXY=%s %s: %v, %v", tt.list, tt.url, u, err)
		}
		if u, _ := proxy(get(t, strings.Replace(tt.url, "https", "http", 1))); u != nil {
			t.Errorf("plain http uses the proxy %v", u)
		}
	}
}

func TestRoots(t *testing.T) {
	other := newWorld(t, awstest.Options{}) // not trusted by the first client
	tests := []struct {
		name string
		env  func(w *world, dir string) []string
		ok   bool
	}{
		{"SSL_CERT_FILE", func(w *world, _ string) []string { return nil }, true},
		{"AWS_CA_BUNDLE replaces it", func(w *world, _ string) []string { return []string{"AWS_CA_BUNDLE=" + other.CAFile()} }, false},
		{"AWS_CA_BUNDLE alone", func(w *world, _ string) []string { return []string{"SSL_CERT_FILE=", "AWS_CA_BUNDLE=" + w.CAFile()} }, true},
		{"directory is read if the file does not have the authority", func(w *world, dir string) []string {
			return []string{"SSL_CERT_FILE=" + other.CAFile(), "SSL_CERT_DIR=/nowhere" + string(filepath.ListSeparator) + dir}
		}, true},
		{"without the file, the directory is read", func(w *world, dir string) []string {
			return []string{"SSL_CERT_FILE=" + dir + "/none", "SSL_CERT_DIR=" + dir}
		}, true},
		{"neither has the authority", func(w *world, _ string) []string {
			return []string{"SSL_CERT_FILE=" + other.CAFile(), "SSL_CERT_DIR=" + t.TempDir()}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			dir := t.TempDir()
			pem, err := os.ReadFile(w.CAFile())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "ca.crt"), pem, 0o600); err != nil {
				t.Fatal(err)
			}
			w.env = append(append(w.env, "AWS_CA_BUNDLE="), tt.env(w, dir)...)
			c := w.client(t)
			c.Open(t.Context(), w.reg)
			err = w.authorize(c)
			if tt.ok && err != nil {
				t.Error(err)
			}
			if !tt.ok {
				if f := faultOf(t, err); f.Kind != TLS || f.Tries != 1 {
					t.Errorf("kind %d: %v", f.Kind, f)
				}
			}
		})
	}
}

// Writes to a server or proxy do not wait for the roots; reads do.
func TestOnlyReadsWaitForRoots(t *testing.T) {
	for name, err := range map[string]error{"read": nil, "of no use": &rootsError{"", errors.New("no certificate")}} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			r := &roots{ready: make(chan struct{})}
			c := &rootsGatedConn{Conn: near, roots: r, closed: make(chan struct{})}
			defer c.Close()
			go func() {
				_, _ = io.ReadFull(far, make([]byte, 5))
				r.err = err
				close(r.ready) // only after data has arrived
				_, _ = far.Write([]byte("world"))
			}()
			if _, err := c.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 5)
			if n, got := io.ReadFull(c, b); !errors.Is(got, err) || err == nil && string(b) != "world" || err != nil && n > 0 {
				t.Errorf("%q, %v; want the error %v", b[:n], got, err)
			}
		})
	}
	near, _ := net.Pipe()
	c := &rootsGatedConn{Conn: near, roots: &roots{ready: make(chan struct{})}, closed: make(chan struct{})}
	go c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("connection closed before the roots were loaded: %v", err)
	}
}

func TestProfileBundle(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	w.env = append(w.env, "AWS_CA_BUNDLE=", "SSL_CERT_FILE=/none", "SSL_CERT_DIR="+t.TempDir())
	config := w.config(t, "[profile corp]\nca_bundle = "+w.CAFile()+"\n")
	plain := w.client(t, func(o *Options) { o.Config = config })
	if f := faultOf(t, w.authorize(plain)); f.Kind != TLS {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
	c, err := plain.WithProfile("corp")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := w.authorize(c); err != nil {
		t.Error(err)
	}
}

func TestLogContainsNoSecret(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	var log bytes.Buffer
	c := w.client(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for _, ask := range []func(*world, *Client) error{(*world).refresh, (*world).roleCredentials, (*world).authorize} {
		if err := ask(w, c); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "msg=\"aws call\""); n != 3 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	for _, s := range w.Secrets() {
		if strings.Contains(log.String(), s) || strings.Contains(log.String(), url.QueryEscape(s)) {
			t.Error("the log contains a secret")
		}
	}
}
