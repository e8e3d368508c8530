package awsclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Kind sorts what can go wrong by what helps against it.
type Kind int

// The kinds. The first are the services' refusals, then what is between us and
// them, then what we refuse ourselves.
const (
	Other                Kind = iota
	Unauthorized              // portal 401: the access token is not (or no longer) good
	Forbidden                 // portal 403, 404: account or role not open to the person
	InvalidGrant              // OIDC: refresh token or code spent, expired or wrong
	InvalidClient             // OIDC: client registration expired or wrong
	AuthorizationPending      // OIDC: the person has not approved yet
	SlowDown                  // OIDC: poll less often
	ExpiredDevice             // OIDC: the device code or the authorization code ran out
	AccessDenied              // OIDC: the person, or a policy, said no
	Denied                    // ECR, STS: not allowed
	Expired                   // ECR, STS: credentials expired, unknown or with a wrong secret key; Service "sso": no live SSO token behind a profile
	ClockSkew                 // the service would not take our time, and its clock is more than 5 min from ours
	Throttled                 // 429 and its kin, after the tries
	Server                    // 5xx, after the tries
	Network                   // no connection, or it broke
	Timeout                   // no answer in time
	TLS                       // certificate or handshake
	NotAWS                    // HTML, a redirect, another content type: captive portal or proxy
	BadAnswer                 // unreadable, too large or senseless
	Empty                     // an answer without what was asked for
	NoCredentials             // the SDK's chain found nothing
	InsecureEndpoint          // an endpoint override that we do not use
)

// Fault is the one error type of this package. Its text is the plain cause on
// one line; server text in it is cleaned, and no secret is ever in it.
type Fault struct {
	Kind     Kind
	Service  string // "sso-oidc", "sso", "ecr", "ecr-public", "sts", "imds"; "" if it does not matter
	Host     string // asked; "" when it did not come to that
	Op       string // API operation
	Code     string // the service's: "invalid_grant", "AccessDeniedException"
	Message  string // the service's own words, cleaned, 200 runes at most
	Status   int    // HTTP status, 0 without an answer
	Tries    int
	Skew     time.Duration // the server's clock minus ours; 0 when unknown
	Variable string        // InsecureEndpoint: the environment variable, "" when the AWS configuration says it
	Err      error         // what the SDK or the network said; not fit for printing

	cause string // when the fields do not tell it
	html  bool   // NotAWS: what came instead
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// Error returns the cause, such as
// "portal.sso.eu-west-1.amazonaws.com answered 503 (3 tries)".
func (f *Fault) Error() string {
	who := cmp.Or(f.Host, f.Service, "AWS")
	text := f.cause
	switch {
	case text != "":
	case f.Kind == NotAWS:
		text = who + " sent no AWS answer (captive portal or proxy?)"
		if f.html {
			text = who + " sent HTML, no AWS answer (captive portal or proxy?)"
		}
	case f.Kind == ClockSkew:
		text = fmt.Sprintf("this computer's clock is %s %s", f.Skew.Abs().Round(time.Minute), map[bool]string{true: "slow", false: "fast"}[f.Skew > 0])
	case f.Kind == Empty:
		text = who + " sent an empty answer"
	case f.Kind == NoCredentials:
		text = "no AWS credentials found"
	case f.Kind == BadAnswer && f.Code == "":
		text = who + " sent an unreadable answer"
	case f.Status > 0:
		text = strings.TrimSpace(fmt.Sprintf("%s answered %d %s", who, f.Status, f.Code))
		if f.Message != "" {
			text += ": " + f.Message
		}
	default:
		text = strings.TrimSpace(cmp.Or(f.Service, "AWS") + " " + f.Op + " went wrong")
	}
	if f.Tries > 1 {
		text += fmt.Sprintf(" (%d tries)", f.Tries)
	}
	return text
}

// Next is the command that removes the cause, "" when none is known.
func (f *Fault) Next() string {
	if f.Variable == "" {
		return ""
	}
	return hint.UnsetCommand(f.Variable)
}

// maxSkew is how far clocks may be apart before AWS refuses a signature.
const maxSkew = 5 * time.Minute

// fault turns an error of the SDK into a Fault, with what the transport noted.
// This is the only place that does.
func (c *call) fault(err error) error {
	if err == nil {
		return nil
	}
	n := c.notes()
	f := &Fault{
		Service: c.service, Op: c.op, Host: n.host, Status: n.status, Tries: n.tries, Skew: n.skew,
		Code: cmp.Or(n.answer.oauth, n.answer.code), Message: n.answer.message, Err: err,
	}
	if op := innermost(err); op != nil {
		f.Service, f.Op = serviceName(op.ServiceID), op.OperationName
	}
	c.sort(f, n, err)
	if complains(f) && f.Skew.Abs() > maxSkew {
		f.Kind = ClockSkew
	}
	return f
}

// sort sets Kind, and the cause where the fields do not tell it.
func (c *call) sort(f *Fault, n callNotes, err error) {
	var own *Fault
	var api smithy.APIError
	switch {
	case errors.As(err, &own):
		f.Kind, f.cause, f.Variable, f.html = own.Kind, own.cause, own.Variable, own.html
	case errors.Is(err, context.Canceled):
		f.Kind, f.cause = Other, "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		f.Kind, f.cause = n.between(context.DeadlineExceeded, cmp.Or(f.Host, "AWS"))
	case n.status >= http.StatusInternalServerError:
		f.Kind = Server
	case errors.As(err, &api):
		if f.Code == "" || n.answer.code == "" && n.answer.oauth == "" {
			f.Code, f.Message = shapeName(api.ErrorCode()), clean(api.ErrorMessage())
		}
		f.Kind = kindOf(f.Service, f.Status, f.Code, c.op)
	case n.status > 0:
		// An answer came, but the SDK cannot read it.
		f.Kind = BadAnswer
		if n.status >= http.StatusBadRequest {
			f.Kind = kindOf(f.Service, f.Status, f.Code, c.op)
			f.Kind = cmp.Or(f.Kind, BadAnswer)
		}
	case n.tries == 0:
		f.Kind, f.cause = Other, clean(err.Error())
	default:
		f.Kind, f.cause = n.between(err, f.Host)
	}
}

// complains tells whether a service refused for reasons that a wrong clock
// explains.
func complains(f *Fault) bool {
	switch f.Code {
	case "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired",
		"ExpiredToken", "ExpiredTokenException":
		return f.Service != "sso-oidc"
	}
	return false
}

// kindOf sorts an error answer. ECR and STS send most refusals with status 400;
// OIDC sends RFC 6749's errors.
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
			return InvalidGrant // the refresh token ran out
		}
		return ExpiredDevice
	}
	return Other
}

// innermost finds the operation that failed first: an STS call fails because the
// SSO call before it did.
func innermost(err error) (op *smithy.OperationError) {
	for errors.As(err, &op) {
		inner := op
		if err = inner.Err; !errors.As(err, new(*smithy.OperationError)) {
			return inner
		}
	}
	return nil
}

// serviceName is the name that endpoint variables and signatures use.
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
