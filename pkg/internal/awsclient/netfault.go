package awsclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

func clean(s string) string { return hint.Clean(s, maxMessage) }

// proxyError is a proxy's answer to CONNECT.
type proxyError struct {
	host   string
	status int
}

func (e *proxyError) Error() string { return fmt.Sprintf("proxy %s answered %d", e.host, e.status) }

// strangerError is a certificate that no authority of the named bundle has signed.
type strangerError struct {
	bundle string
	err    error
}

func (e *strangerError) Error() string { return e.err.Error() }
func (e *strangerError) Unwrap() error { return e.err }

// Roots is the setting whose certificates replaced the system's, when the fault is
// that they cannot be read or do not sign the server's: AWS_CA_BUNDLE, for one. ""
// otherwise.
func (f *Fault) Roots() string {
	if e, ok := errors.AsType[*strangerError](f.Err); ok {
		return e.bundle
	}
	if e, ok := errors.AsType[*rootsError](f.Err); ok {
		return e.source
	}
	return ""
}

// Aside is what helps beside the fault's text, in brackets after a blank; mostly "".
func (f *Fault) Aside() string {
	if f.Kind != TLS || !unknownAuthority(f.Err) || errors.As(f.Err, new(*strangerError)) {
		return ""
	}
	return " (behind a TLS-inspecting proxy AWS_CA_BUNDLE names its certificates)"
}

// between words an error between us and host, and blames the proxy for what went
// wrong before it let us through.
func (n callNotes) between(err error, host string) (Kind, string) {
	var refused *proxyError
	var op *net.OpError
	if n.proxy == "" || n.tunneled || errors.As(err, &refused) || errors.As(err, &op) && op.Op == "proxyconnect" {
		return networkCause(err, host)
	}
	kind, why := networkCause(err, "the proxy "+clean(n.proxy))
	return kind, fmt.Sprintf("%s (on the way to %s)", why, host)
}

// networkCause sorts an error between us and host, and words it. The texts of
// package net are not repeated: they hold addresses, and some the proxy's URL.
func networkCause(err error, host string) (Kind, string) {
	var refused *proxyError
	var dns *net.DNSError
	var op *net.OpError
	var timeout net.Error
	var bad *badAnswerError
	var roots *rootsError
	switch {
	case errors.As(err, &roots):
		return TLS, clean(roots.Error())
	case errors.As(err, &bad):
		if errors.Is(err, errTooLarge) {
			return BadAnswer, host + " sent an answer larger than 1 MiB"
		}
		return BadAnswer, host + " sent an answer that cannot be decompressed"
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout, "no answer from " + host + " in time"
	case errors.As(err, &refused):
		return Network, fmt.Sprintf("proxy %s refused the connection to %s (%d)", clean(refused.host), host, refused.status)
	case errors.As(err, &op) && op.Op == "proxyconnect":
		_, why := networkCause(op.Err, "the proxy")
		return Network, fmt.Sprintf("%s (on the way to %s)", why, host)
	}
	if why := tlsCause(err, host); why != "" {
		return TLS, why
	}
	switch {
	case errors.As(err, &dns):
		return Network, "cannot resolve " + host
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), "refused"): // Windows has a number of its own
		return Network, host + " refused the connection"
	case errors.As(err, &timeout) && timeout.Timeout():
		return Timeout, "no answer from " + host + " in time"
	case errors.As(err, &op) && op.Op == "dial":
		return Network, "cannot connect to " + host
	case strings.Contains(err.Error(), "response headers exceeded"):
		return BadAnswer, host + " sent too many headers"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return BadAnswer, host + " speaks no HTTP"
	}
	return Network, "the connection to " + host + " broke off"
}

// unresolved reports that a name has no address, as far as we or the proxy can tell.
func unresolved(err error) bool {
	if proxy, ok := errors.AsType[*proxyError](err); ok {
		return proxy.status >= http.StatusInternalServerError
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// tlsCause words a certificate or handshake failure, "" for anything else.
func tlsCause(err error, host string) string {
	var (
		stranger *strangerError
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		hostname x509.HostnameError
		verify   *tls.CertificateVerificationError
		record   tls.RecordHeaderError
		alert    tls.AlertError
	)
	switch {
	case errors.As(err, &stranger):
		return "the certificate of " + host + " is signed by an authority that is not in " + clean(stranger.bundle)
	case errors.As(err, &unknown):
		return "the certificate of " + host + " is signed by an unknown authority"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of " + host + " is expired or not yet valid"
	case errors.As(err, &hostname):
		return host + " showed a certificate for another host"
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "the certificate of " + host + " cannot be verified"
	case errors.As(err, &record):
		return host + " speaks no TLS"
	case errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return "no TLS connection to " + host + " (TLS 1.2 or newer)"
	}
	return ""
}
