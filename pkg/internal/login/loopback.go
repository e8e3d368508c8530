package login

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
)

// The bounds of a web server on loopback (security property P9).
const (
	maxConnections = 32
	maxHeader      = 8 << 10
	requestTime    = 5 * time.Second
)

// addressed reports whether r is meant for the server on host: a page elsewhere may
// reach the port under a name of its own (DNS rebinding), but only the literal
// address is ours.
func addressed(r *http.Request, host string) bool { return r.Host == host && !r.URL.IsAbs() }

// serveLoopback starts a web server on a port of 127.0.0.1. host is its address as
// a Host header must spell it.
func serveLoopback(handler http.HandlerFunc) (server *http.Server, host string, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("listen on 127.0.0.1: %w", err)
	}
	host = l.Addr().String()
	server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !addressed(r, host) {
				notFoundPage().write(w, http.StatusBadRequest)
				return
			}
			handler(w, r)
		}),
		ReadHeaderTimeout: requestTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      requestTime,
		MaxHeaderBytes:    maxHeader - 4096, // net/http reads 4096 bytes more than it is told
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	server.SetKeepAlivesEnabled(false)
	crash.Go(func() { _ = server.Serve(newLimited(l, maxConnections)) })
	return server, host, nil
}
