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

// Kind is the class of a Fault. Faults of one kind have the same fix.
type Kind int

// The kinds: refusals by services, failures on the way, refusals by this package.
const (
	Other                Kind = iota
	Unauthorized              // portal 401: the access token is not valid or no longer valid
	Forbidden                 // portal 403, 404: the account or the role is not assigned to the user
	InvalidGrant              // OIDC: refresh token or code spent, expired or wrong
	InvalidClient             // OIDC: client registration expired or wrong
	AuthorizationPending      // OIDC: the user has not approved yet
	SlowDown                  // OIDC: the poll interval is too short
	ExpiredDevice             // OIDC: the device code or the authorization code has expired
	AccessDenied              // OIDC: the user or a policy denied the sign-in
	Denied                    // ECR, STS: not allowed
	Expired                   // ECR, STS: credentials expired, unknown or with a wrong secret key; Service "sso": a profile's SSO session has no live token
	ClockSkew                 // the service refused our time, and its clock is more than 5 min from ours
	Throttled                 // 429 and throttling errors, after all tries
	Server                    // 5xx, after all tries
	Network                   // no connection, or a connection that broke
	Timeout                   // no answer in time
	TLS                       // certificate or handshake
	NotAWS                    // HTML, a redirect, another content type: captive portal or proxy
	BadAnswer                 // unreadable, too large or invalid
	Empty                     // an answer without the requested value
	NoCredentials             // no provider has credentials
	InsecureEndpoint          // an endpoint setting that is refused
)

// Fault is the error type of this package. Its text is the cause on one line. Text of
// servers in it is cleaned. It never contains a secret.
type Fault struct {
	Kind       Kind
	Service    string // "sso-oidc", "sso", "ecr", "ecr-public", "sts", "imds"; "" when not known
	Host       string // of the last request; "" without one
	Op         string // API operation
	Code       string // error code of the service: "invalid_grant", "AccessDeniedException"
	Message    string // error message of the service, cleaned, 200 runes at most
	Status     int    // HTTP status, 0 without an answer
	Tries      int
	RetryAfter time.Duration // the server's wish; 0 without
	Skew       time.Duration // the server's clock minus ours; 0 when unknown
	Variable   string        // InsecureEndpoint: the environment variable, "" for the AWS configuration
	Err        error         // of the SDK or the network; not fit for printing

	cause string // the text, "" to make it of the fields
	html  bool   // NotAWS: the answer is HTML
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// Error returns the cause, such as
// "portal.sso.eu-west-1.amazonaws.com returned 503 (3 tries)".
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
	case f.Kind == BadAnswer && f.Code == "":
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

// describeSkew returns how far the clock of this computer is behind or ahead of another.
func describeSkew(skew time.Duration) string {
	where := " behind"
	if skew < 0 {
		where = " ahead of"
	}
	return hint.Span(skew.Abs().Round(time.Minute)) + where
}

// Next is the command that removes the cause, "" when none is known.
func (f *Fault) Next() string {
	if f.Variable == "" {
		return ""
	}
	return hint.UnsetCommand(f.Variable)
}

// maxSkew is the difference of clocks from which AWS refuses a signature.
const maxSkew = 5 * time.Minute

// fault makes a Fault of an error and the notes of the transport. No other function
// converts errors of the SDK.
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

// classify sets Kind, and the cause where the other fields are not enough.
func (c *call) classify(f *Fault, n callNotes, err error) {
	var own *Fault
	var api smithy.APIError
	switch {
	case errors.As(err, &own):
		f.Kind, f.cause, f.Variable, f.html = own.Kind, own.cause, own.Variable, own.html
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
		// The SDK cannot read the answer.
		f.Kind = BadAnswer
		if n.status >= http.StatusBadRequest {
			f.Kind = kindOf(f.Service, f.Status, f.Code, c.op)
			f.Kind = cmp.Or(f.Kind, BadAnswer)
		}
	case n.tries == 0:
		f.Kind, f.cause = Other, clean(err.Error())
	default:
		f.Kind, f.cause = n.describe(err, f.Host)
	}
}

// mayBeClockSkew reports whether a wrong clock can be the reason of a refusal.
func mayBeClockSkew(f *Fault) bool {
	switch f.Code {
	case "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired",
		"ExpiredToken", "ExpiredTokenException":
		return f.Service != "sso-oidc"
	}
	return false
}

// kindOf classifies an error answer. ECR and STS send most refusals with status 400;
// OIDC sends the errors of RFC 6749.
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

// innermost returns the operation that failed first, such as the SSO call that an STS
// call needs.
func innermost(err error) (op *smithy.OperationError) {
	for errors.As(err, &op) {
		inner := op
		if err = inner.Err; !errors.As(err, new(*smithy.OperationError)) {
			return inner
		}
	}
	return nil
}

// serviceName returns the name of a service in Fault.Service for its id in the SDK.
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

// clean makes text of a server or a setting fit for an error.
func clean(s string) string { return hint.Clean(s, maxMessage) }

// untrustedCertError is a certificate that no authority in the named bundle signed.
type untrustedCertError struct {
	bundle string
	err    error
}

func (e *untrustedCertError) Error() string { return e.err.Error() }
func (e *untrustedCertError) Unwrap() error { return e.err }

// Roots returns the setting that replaces the system's certificates (AWS_CA_BUNDLE, for
// one) when its certificates cannot be read or do not sign the server's. "" otherwise.
func (f *Fault) Roots() string {
	if e, ok := errors.AsType[*untrustedCertError](f.Err); ok {
		return e.bundle
	}
	if e, ok := errors.AsType[*rootsError](f.Err); ok {
		return e.source
	}
	return ""
}

// Aside returns advice to append to the text, in parentheses after a blank, or "".
func (f *Fault) Aside() string {
	if f.Kind != TLS || !unknownAuthority(f.Err) || errors.As(f.Err, new(*untrustedCertError)) {
		return ""
	}
	return " (behind a TLS-inspecting proxy, set AWS_CA_BUNDLE to its certificates)"
}

// describe returns the kind and the text of an error on the way to host. It names the
// proxy when the proxy has not connected us.
func (n callNotes) describe(err error, host string) (Kind, string) {
	var refused *proxyError
	var op *net.OpError
	if n.proxy == "" || n.tunneled || errors.As(err, &refused) || errors.As(err, &op) && op.Op == "proxyconnect" {
		return describeNetworkError(err, host)
	}
	kind, why := describeNetworkError(err, "the proxy "+clean(n.proxy))
	return kind, fmt.Sprintf("%s (on the way to %s)", why, host)
}

// describeNetworkError returns the kind and the text of an error on the way to host. The
// texts of package net are not repeated: they contain addresses, some the proxy's URL.
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
			return BadAnswer, host + " returned a response larger than 1 MiB"
		}
		return BadAnswer, host + " returned a response that cannot be decompressed"
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
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), "refused"): // Windows has another number
		return Network, host + " refused the connection"
	case errors.As(err, &timeout) && timeout.Timeout():
		return Timeout, "no response from " + host + " in time"
	case errors.As(err, &op) && op.Op == "dial":
		return Network, "cannot connect to " + host
	case strings.Contains(err.Error(), "response headers exceeded"):
		return BadAnswer, host + " returned too many headers"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return BadAnswer, host + " does not speak HTTP"
	}
	return Network, "the connection to " + host + " was lost"
}

// describeTLSError returns the text of a certificate or handshake failure, "" for others.
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
