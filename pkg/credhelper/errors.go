package credhelper

import (
	"errors"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// The causes of a Helper's errors, for errors.Is. An error is one of these at most. The
// text of an error is for the user and ends with the command that fixes it (Commands).
// If AWS refused a request or was not reached, there is an *AWSError too (errors.As).
var (
	// ErrNotSignedIn: the SSO session has no token file.
	ErrNotSignedIn = errors.New("not signed in")
	// ErrSessionExpired: the SSO session's token expired and cannot be renewed.
	ErrSessionExpired = errors.New("session expired")
	// ErrSessionRevoked: the portal refused a token before its expiry.
	ErrSessionRevoked = errors.New("session revoked")
	// ErrNotAssigned: the SSO user may not use that role in that account.
	ErrNotAssigned = errors.New("role not assigned")
	// ErrDenied: ECR or STS refused the identity, or its credentials expired.
	ErrDenied = errors.New("denied")
	// ErrNoCredentials: no profile and no other credentials match the account.
	ErrNoCredentials = errors.New("no credentials")
	// ErrAmbiguous: several profiles match the account.
	ErrAmbiguous = errors.New("ambiguous profile")
	// ErrProfile: the profile that was chosen is missing or not complete.
	ErrProfile = errors.New("profile not usable")
	// ErrNetwork: AWS was not reached: no connection, no response in time, an untrusted
	// certificate, or the response did not come from AWS (a captive portal). A later
	// try may succeed.
	ErrNetwork = errors.New("network")
	// ErrService: AWS answered with an error of its own: it is throttling, out of order,
	// or sent a response that cannot be read. A later try may succeed.
	ErrService = errors.New("service")
	// ErrNotStorable: the login is not one that this helper stores.
	ErrNotStorable = errors.New("not storable")
)

// Commands returns the commands that fix the cause of err, the best one first; nil if
// none is known.
func Commands(err error) []string { return hint.Next(err) }

// AWSError is a request to AWS that failed.
type AWSError struct {
	Service   string // such as "ecr", "sts", "sso" (the portal) or "sso-oidc"
	Operation string // such as "GetAuthorizationToken"
	Host      string
	Status    int    // of HTTP; 0 without a response
	Code      string // AWS's own error code; may be empty
	text      string
}

func (e *AWSError) Error() string { return e.text }

// cause is an error in the person's words that is also one of the above and
// unwraps to what lies beneath.
type cause struct {
	text   string
	unwrap []error // nil members are passed over
}

func (c *cause) Error() string   { return c.text }
func (c *cause) Unwrap() []error { return c.unwrap }

// AnonymousError is docker's "not found" where a missing login must not stop the
// client: for ECR Public, whose images can be pulled without one, and for clients that
// ask about registries that they do not need (WithClient).
type AnonymousError struct {
	Reason error // why there is no login
	Quiet  bool  // the reason is not news: nothing on this machine could log in
}

// Error is docker's own text, which clients compare letter by letter.
func (e *AnonymousError) Error() string { return credentials.NewErrCredentialsNotFound().Error() }

// Unwrap returns docker's error and the reason.
func (e *AnonymousError) Unwrap() []error {
	return []error{credentials.NewErrCredentialsNotFound(), e.Reason}
}
