package awsclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/aws/smithy-go"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Kind is the class of a Fault. Faults of the same kind have the same fix.
type Kind int

// The kinds: errors from services, transport failures, and errors from this package.
const (
	Other                Kind = iota
	Unauthorized              // portal 401: the access token is not (or no longer) valid
	Forbidden                 // portal 403, 404: the account or the role is not assigned to the user
	InvalidGrant              // OIDC: refresh token or code used, expired or wrong
	InvalidClient             // OIDC: client registration expired or wrong
	AuthorizationPending      // OIDC: not yet approved by the user
	SlowDown                  // OIDC: the poll interval is too short
	ExpiredDevice             // OIDC: the device code or the authorization code has expired
	AccessDenied              // OIDC: the user or a policy denied the sign-in
	Denied                    // ECR, STS: not allowed
	Expired                   // ECR, STS: credentials expired, unknown or with a wrong secret key; Service "sso": a profile's SSO session has no valid token
	ClockSkew                 // the service rejected our time, and the clocks differ by more than 5 min
	Throttled                 // 429 and throttling errors, after all tries
	Server                    // 5xx, after all tries
	Network                   // no connection, or a broken one
	Timeout                   // no response in time
	TLS                       // certificate or handshake
	NotAWS                    // HTML, a redirect, another content type: captive portal or proxy
	BadResponse               // unreadable, too large or invalid
	Empty                     // a response without the requested value
	NoCredentials             // no provider has credentials
	InsecureEndpoint          // a rejected endpoint setting
)

// Fault is the error type of this package. Its text is the cause on one line. Text from
// servers is sanitized. It never contains secrets.
type Fault struct {
	Kind       Kind
	Service    string // "sso-oidc", "sso", "ecr", "ecr-public", "sts", "imds"; "": unknown
	Host       string // of the last request; "": none
	Op         string // API operation
	Code       string // service error code: "invalid_grant", "AccessDeniedException"
	Message    string // service error message, sanitized, up to 200 runes
	Status     int    // HTTP status; 0: no response
	Tries      int
	RetryAfter time.Duration // as requested by the server; 0: not set
	Skew       time.Duration // the server's clock minus ours; 0: unknown
	Variable   string        // the environment variable that causes it; "": none
	Fix        string        // the command that fixes another cause; "": unknown
	Err        error         // SDK or network error; not safe to print

	cause string // the text; "": derived from the fields
	html  bool   // NotAWS: the response is HTML
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// Error returns the cause, such as "portal.sso.eu-west-1.amazonaws.com returned 503 (3
// tries)".
func (f *Fault) Error() string {
	server := cmp.Or(f.Host, f.Service, "AWS")
	text := f.cause
	switch {
	case text != "":
	case f.Kind == NotAWS:
		text = server + " did not return an AWS response (captive portal or proxy?)"
		if f.html {
			text = server + " returned HTML instead of an AWS response (captive portal or proxy?)"
		}
	case f.Kind == ClockSkew:
		return "this computer's clock is " + describeSkew(f.Skew) + " AWS"
	case f.Kind == Empty:
		text = server + " returned an empty response"
	case f.Kind == NoCredentials:
		text = "no AWS credentials found"
	case f.Kind == BadResponse && f.Code == "":
		text = server + " returned a response that cannot be read"
	case f.Status > 0:
		text = strings.TrimSpace(fmt.Sprintf("%s returned %d %s", server, f.Status, f.Code))
		if f.Message != "" {
			text += ": " + f.Message
		}
	default:
		text = strings.TrimSpace(cmp.Or(f.Service, "AWS") + " " + f.Op + " failed")
	}
	if f.Tries > 1 {
		text += fmt.Sprintf(" (%d tries)", f.Tries)
	}
	return text
}

// describeSkew returns how far this computer's clock is behind or ahead of another.
func describeSkew(skew time.Duration) string {
	where := " behind"
	if skew < 0 {
		where = " ahead of"
	}
	return hint.Span(skew.Abs().Round(time.Minute)) + where
}

// Next is the command that fixes the cause, or "" if unknown.
func (f *Fault) Next() string {
	if f.Variable == "" {
		return f.Fix
	}
	return hint.UnsetCommand(f.Variable)
}

// maxSkew is the clock difference from which AWS rejects signatures.
const maxSkew = 5 * time.Minute

// fault creates a Fault from an error and the transport's notes. No other function converts
// SDK errors.
func (c *call) fault(err error) error {
	if err == nil {
		return nil
	}
	n := c.notes()
	f := &Fault{
		Service: c.service, Op: c.op, Host: n.host, Status: n.status, Tries: n.tries, Skew: n.skew, RetryAfter: n.retryAfter,
		Code: cmp.Or(n.answer.oauth, n.answer.code), Message: n.answer.message, Err: err,
	}
	if op := innermost(err); op != nil {
		f.Service, f.Op = serviceName(op.ServiceID), op.OperationName
	}
	c.classify(f, n, err)
	if mayBeClockSkew(f) && f.Skew.Abs() > maxSkew {
		f.Kind = ClockSkew
	}
	return f
}

// classify sets Kind, and cause if the other fields are not sufficient.
func (c *call) classify(f *Fault, n callNotes, err error) {
	var own *Fault
	var api smithy.APIError
	switch {
	case errors.As(err, &own):
		f.Kind, f.cause, f.Variable, f.Fix, f.html = own.Kind, own.cause, own.Variable, own.Fix, own.html
	case errors.Is(err, context.Canceled):
		f.Kind, f.cause = Other, "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		f.Kind, f.cause = n.describe(context.DeadlineExceeded, cmp.Or(f.Host, "AWS"))
	case n.status >= http.StatusInternalServerError:
		f.Kind = Server
	case errors.As(err, &api):
		if f.Code == "" || n.answer.code == "" && n.answer.oauth == "" {
			f.Code, f.Message = shapeName(api.ErrorCode()), clean(api.ErrorMessage())
		}
		f.Kind = kindOf(f.Service, f.Status, f.Code, c.op)
	case n.status > 0:
		// The SDK cannot parse the response.
		f.Kind = BadResponse
		if n.status >= http.StatusBadRequest {
			f.Kind = kindOf(f.Service, f.Status, f.Code, c.op)
			f.Kind = cmp.Or(f.Kind, BadResponse)
		}
	case n.tries == 0:
		f.Kind, f.cause = Other, clean(err.Error())
	default:
		f.Kind, f.cause = n.describe(err, f.Host)
	}
}

// mayBeClockSkew reports whether a wrong clock may be the cause.
func mayBeClockSkew(f *Fault) bool {
	switch f.Code {
	case "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired",
		"ExpiredToken", "ExpiredTokenException":
		return f.Service != "sso-oidc"
	}
	return false
}

// kindOf classifies an error response. ECR and STS return most errors with status 400; OIDC
// returns RFC 6749 errors.
func kindOf(service string, status int, code, op string) Kind {
	if throttled(status, code) {
		return Throttled
	}
	if status >= http.StatusInternalServerError {
		return Server
	}
	switch service {
	case "sso":
		return portalKind(status)
	case "sso-oidc":
		return oauthKind(code, op)
	}
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired",
		"UnrecognizedClientException", "InvalidClientTokenId",
		"InvalidSignatureException", "SignatureDoesNotMatch":
		return Expired
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "UnauthorizedException", "OptInRequired":
		return Denied
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return Denied
	}
	return Other
}

func portalKind(status int) Kind {
	switch status {
	case http.StatusUnauthorized:
		return Unauthorized
	case http.StatusForbidden, http.StatusNotFound:
		return Forbidden
	}
	return Other
}

func oauthKind(code, op string) Kind {
	switch code {
	case "invalid_grant", "InvalidGrantException":
		return InvalidGrant
	case "invalid_client", "InvalidClientException", "unauthorized_client", "UnauthorizedClientException":
		return InvalidClient
	case "authorization_pending", "AuthorizationPendingException":
		return AuthorizationPending
	case "slow_down", "SlowDownException":
		return SlowDown
	case "access_denied", "AccessDeniedException":
		return AccessDenied
	case "expired_token", "ExpiredTokenException":
		if op == opRefresh {
			return InvalidGrant // the refresh token has expired
		}
		return ExpiredDevice
	}
	return Other
}

// innermost returns the operation that failed first, such as the SSO call that an STS call
// depends on.
func innermost(err error) (op *smithy.OperationError) {
	for errors.As(err, &op) {
		inner := op
		if err = inner.Err; !errors.As(err, new(*smithy.OperationError)) {
			return inner
		}
	}
	return nil
}

// serviceName returns the Fault.Service name for a service ID in the SDK.
func serviceName(id string) string {
	switch id {
	case "SSO OIDC":
		return "sso-oidc"
	case "ECR PUBLIC":
		return "ecr-public"
	case "ec2imds":
		return "imds"
	}
	return strings.ToLower(id)
}

// clean sanitizes text from a server or a setting for an error.
func clean(s string) string { return hint.Clean(s, maxMessage) }

// untrustedCertError means that no CA in the configured bundle signed the certificate.
type untrustedCertError struct {
	bundle string
	err    error
}

func (e *untrustedCertError) Error() string { return e.err.Error() }
func (e *untrustedCertError) Unwrap() error { return e.err }

// Roots returns the setting that replaces the system's certificates (such as AWS_CA_BUNDLE)
// if those certificates cannot be read or did not sign the server's. Otherwise, it returns
// "".
func (f *Fault) Roots() string {
	if e, ok := errors.AsType[*untrustedCertError](f.Err); ok {
		return e.bundle
	}
	if e, ok := errors.AsType[*rootsError](f.Err); ok {
		return e.source
	}
	return ""
}

// Aside returns advice to append to the text, in parentheses after a space, or "".
func (f *Fault) Aside() string {
	if f.Kind != TLS || !unknownAuthority(f.Err) || errors.As(f.Err, new(*untrustedCertError)) {
		return ""
	}
	return " (behind a TLS-inspecting proxy, set AWS_CA_BUNDLE to its certificates)"
}

// describe returns the kind and text of a connection error. It mentions the proxy if the
// proxy did not connect.
func (n callNotes) describe(err error, host string) (Kind, string) {
	var refused *proxyError
	var op *net.OpError
	if n.proxy == "" || n.tunneled || errors.As(err, &refused) || errors.As(err, &op) && op.Op == "proxyconnect" {
		return describeNetworkError(err, host)
	}
	kind, why := describeNetworkError(err, "the proxy "+clean(n.proxy))
	return kind, fmt.Sprintf("%s (on the way to %s)", why, host)
}

// describeNetworkError returns the kind and text of a connection error. It does not repeat
// the texts of package net, which contain addresses, including the proxy's URL.
func describeNetworkError(err error, host string) (Kind, string) {
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
			return BadResponse, host + " returned a response larger than 1 MiB"
		}
		return BadResponse, host + " returned a response that cannot be decompressed"
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout, "no response from " + host + " in time"
	case errors.As(err, &refused):
		return Network, fmt.Sprintf("proxy %s refused the connection to %s (%d)", clean(refused.host), host, refused.status)
	case errors.As(err, &op) && op.Op == "proxyconnect":
		_, why := describeNetworkError(op.Err, "the proxy")
		return Network, fmt.Sprintf("%s (on the way to %s)", why, host)
	}
	if why := describeTLSError(err, host); why != "" {
		return TLS, why
	}
	switch {
	case errors.As(err, &dns):
		return Network, "cannot resolve " + host
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), "refused"): // Windows has another error number
		return Network, host + " refused the connection"
	case errors.As(err, &timeout) && timeout.Timeout():
		return Timeout, "no response from " + host + " in time"
	case errors.As(err, &op) && op.Op == "dial":
		return Network, "cannot connect to " + host
	case strings.Contains(err.Error(), "response headers exceeded"):
		return BadResponse, host + " returned too many headers"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return BadResponse, host + " does not speak HTTP"
	}
	return Network, "the connection to " + host + " was lost"
}

// describeTLSError returns the text of a certificate or handshake error, or "" for others.
func describeTLSError(err error, host string) string {
	var (
		untrusted *untrustedCertError
		unknown   x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		hostname  x509.HostnameError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &untrusted):
		return "the certificate of " + host + " is signed by an authority that is not in " + clean(untrusted.bundle)
	case errors.As(err, &unknown):
		return "the certificate of " + host + " is signed by an unknown authority"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of " + host + " is expired or not yet valid"
	case errors.As(err, &hostname):
		return host + " presented a certificate for another host"
	case errors.As(err, &invalid), errors.As(err, &verify):
		return "the certificate of " + host + " cannot be verified"
	case errors.As(err, &record):
		return host + " does not speak TLS"
	case errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return "cannot open a TLS connection to " + host + " (TLS 1.2 or newer is required)"
	}
	return ""
}
