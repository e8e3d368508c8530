package credhelper

import (
	"errors"

	"github.com/docker/docker-credential-helpers/credentials"
)

// What can stand behind an error of a Helper, for errors.Is. The error's text is
// for the person and carries the command that mends it; a program that embeds a
// Helper tells the cases apart with these. Behind what AWS, or what is between AWS
// and us, had to say stands an *awsclient.Fault too (errors.As), with the host, the
// operation and the service's own code.
var (
	// ErrNotSignedIn: the SSO session has no token file.
	ErrNotSignedIn = errors.New("not signed in")
	// ErrSessionExpired: the SSO session's token is over and cannot be renewed.
	ErrSessionExpired = errors.New("session expired")
	// ErrSessionRevoked: the portal refused a token before its expiry.
	ErrSessionRevoked = errors.New("session revoked")
	// ErrNotAssigned: the SSO user may not use that role in that account.
	ErrNotAssigned = errors.New("role not assigned")
	// ErrDenied: ECR or STS refused the identity, or its credentials are over.
	ErrDenied = errors.New("denied")
	// ErrNoCredentials: there is no profile for the account and nothing else.
	ErrNoCredentials = errors.New("no credentials")
	// ErrAmbiguous: several profiles fit the account.
	ErrAmbiguous = errors.New("ambiguous profile")
	// ErrProfile: the profile that was chosen is missing or not complete.
	ErrProfile = errors.New("profile not usable")
	// ErrNetwork: AWS was not reached: no connection, no answer in time, a certificate
	// that nobody trusts, or somebody else who answered (a captive portal). Trying
	// again later may help.
	ErrNetwork = errors.New("network")
	// ErrService: AWS answered, but not with what was asked for: it is throttling,
	// out of order, or sent what cannot be read. Trying again later may help.
	ErrService = errors.New("service")
	// ErrNotStorable: the login is not one that this helper keeps.
	ErrNotStorable = errors.New("not storable")
)

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
