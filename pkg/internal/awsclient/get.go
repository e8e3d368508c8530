package awsclient

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// This file contains the two calls of a get with SSO: the portal call for the role
// credentials, and the ECR call for the login.

// RoleCredentials uses the SDK's SSO provider to get the profile's role credentials from
// the SSO portal. token is the content of tokenFile, the session's file in the AWS CLI
// cache. It returns a *Fault. Its Kind is Unauthorized if the portal rejects the token,
// even if the token has not expired. It is Forbidden if the account or role is not
// assigned to the user.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
func (c *Client) RoleCredentials(ctx context.Context, sso awsconfig.SSO, tokenFile string, token awscache.Token) (awscache.Credentials, error) {
	c, err := c.WithProfile(sso.Profile)
	if err != nil {
		return awscache.Credentials{}, err
	}
	ctx, call, cancel := c.begin(ctx, portalService.name, "GetRoleCredentials", retryAlways)
	defer cancel()
	keys, err := c.ssoCredentials(ctx, sso, tokenFile, token)
	if err != nil {
		return awscache.Credentials{}, call.fault(err)
	}
	return c.roleCredentials(call, keys, sso.Account)
}

func (c *Client) ssoCredentials(ctx context.Context, sso awsconfig.SSO, tokenFile string, token awscache.Token) (aws.Credentials, error) {
	api, err := c.portal(sso.SSORegion)
	if err != nil {
		return aws.Credentials{}, err
	}
	bearer := &bearer{api: api, token: token.AccessToken}
	if tokenFile == "" { // the provider would use a file in the process's home directory
		return bearer.retrieve(ctx, sso)
	}
	keys, err := ssocreds.New(bearer, sso.Account, sso.Role, sso.StartURL, func(o *ssocreds.Options) { o.CachedTokenFilepath = tokenFile }).Retrieve(ctx)
	// The provider reads the file again with stricter rules: it rejects dates with "UTC",
	// which older tools wrote, and a file that the AWS CLI is rewriting (truncate, then
	// write). We already have the token, so this error must not cause a failure. The
	// provider returns the error before it calls the portal.
	if unread := new(ssocreds.InvalidTokenError); errors.As(err, &unread) {
		return bearer.retrieve(ctx, sso)
	}
	return keys, err
}

// bearer inserts our token into the provider's request. credhelper has checked or
// refreshed the token, and the file may have changed since then.
type bearer struct {
	api   *sso.Client
	token secret.Secret
}

// GetRoleCredentials implements ssocreds.GetRoleCredentialsAPIClient.
func (b *bearer) GetRoleCredentials(ctx context.Context, in *sso.GetRoleCredentialsInput, options ...func(*sso.Options)) (*sso.GetRoleCredentialsOutput, error) {
	ours := *in
	ours.AccessToken = aws.String(b.token.Reveal())
	out, err := b.api.GetRoleCredentials(ctx, &ours, options...)
	if err == nil && out.RoleCredentials == nil {
		return nil, &Fault{Kind: Empty} // the provider does not check this
	}
	return out, err
}

// retrieve gets the credentials like the provider, but without its file.
func (b *bearer) retrieve(ctx context.Context, s awsconfig.SSO) (aws.Credentials, error) {
	out, err := b.GetRoleCredentials(ctx, &sso.GetRoleCredentialsInput{AccountId: &s.Account, RoleName: &s.Role})
	if err != nil {
		return aws.Credentials{}, err
	}
	r := out.RoleCredentials
	return aws.Credentials{
		AccessKeyID: aws.ToString(r.AccessKeyId), SecretAccessKey: aws.ToString(r.SecretAccessKey), SessionToken: aws.ToString(r.SessionToken),
		CanExpire: true, Expires: time.UnixMilli(r.Expiration).UTC(), AccountID: s.Account,
	}, nil
}

// roleCredentials validates and converts the SDK's credentials.
func (c *Client) roleCredentials(call *call, creds aws.Credentials, account string) (awscache.Credentials, error) {
	switch {
	case creds.AccessKeyID == "" || creds.SecretAccessKey == "":
		return awscache.Credentials{}, call.fault(&Fault{Kind: Empty})
	case !printable(creds.AccessKeyID + creds.SecretAccessKey + creds.SessionToken):
		return awscache.Credentials{}, call.fault(&Fault{Kind: BadResponse})
	case creds.CanExpire && !creds.Expires.After(c.o.Now()):
		return awscache.Credentials{}, call.fault(c.expiredAnswer(call, "credentials"))
	}
	out := awscache.Credentials{
		AccessKeyID:     creds.AccessKeyID,
		SecretAccessKey: secret.New(creds.SecretAccessKey),
		SessionToken:    secret.New(creds.SessionToken),
		Account:         account,
	}
	if creds.CanExpire {
		out.Expiration = creds.Expires.UTC()
	}
	return out, nil
}

// expiredAnswer returns the fault for a response that has already expired. The cause is
// an invalid response or a local clock that is ahead.
func (c *Client) expiredAnswer(call *call, what string) *Fault {
	n := call.notes()
	if -n.skew > maxSkew {
		return &Fault{Kind: ClockSkew}
	}
	host := n.host
	if host == "" {
		host = "AWS"
	}
	return &Fault{Kind: BadResponse, cause: host + " returned " + what + " that have expired or have no expiry"}
}

// Authorization is a login for a registry.
type Authorization struct {
	Username  string // always AWS
	Password  secret.Secret
	ExpiresAt time.Time
}

const (
	ecrUser = "AWS"
	maxTTL  = 13 * time.Hour // ECR's 12 h, plus tolerance
)

// AuthorizationToken gets a login from ECR or ECR Public. It ignores proxyEndpoint in the
// response, which is the registry of the principal's account. The token is valid for
// every registry in the region that the principal can access. It returns a *Fault. Its
// Kind is Denied if the principal lacks the permission, or Expired if the credentials
// have expired or are unknown.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
// https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html
func (c *Client) AuthorizationToken(ctx context.Context, reg registry.Registry, creds awscache.Credentials) (Authorization, error) {
	endpoint, err := c.Endpoint(reg)
	if err != nil {
		return Authorization{}, err
	}
	other := ""
	if endpoint == "https://"+reg.APIHost() { // not from a setting
		other = otherFIPSEndpoint(endpoint)
	}
	auth, err := c.authorize(ctx, reg, creds, endpoint, other != "")
	if other != "" && unresolved(err) {
		if auth, err := c.authorize(ctx, reg, creds, other, false); err == nil || !unresolved(err) {
			return auth, err
		}
	}
	return auth, err
}

// authorize calls one endpoint. If hasOtherHost is set, the caller can try a second
// endpoint.
func (c *Client) authorize(ctx context.Context, reg registry.Registry, creds awscache.Credentials, endpoint string, hasOtherHost bool) (Authorization, error) {
	ctx, call, cancel := c.begin(ctx, serviceOf(reg).name, "GetAuthorizationToken", retryAlways)
	defer cancel()
	call.hasOtherHost = hasOtherHost
	getToken := c.getPrivateToken
	if reg.Service == registry.Public {
		getToken = c.getPublicToken
	}
	var token *string
	var expires *time.Time
	provider := credentials.NewStaticCredentialsProvider(creds.AccessKeyID, creds.SecretAccessKey.Reveal(), creds.SessionToken.Reveal())
	err := c.retryInServerTime(call, func() (err error) {
		token, expires, err = getToken(ctx, endpoint, reg.Region, provider)
		return err
	})
	if err != nil {
		return Authorization{}, err
	}
	auth, err := decodeToken(token, expires)
	if err != nil {
		return Authorization{}, call.fault(err)
	}
	now := c.o.Now()
	switch skew := call.notes().skew; {
	case !auth.ExpiresAt.After(now):
		return Authorization{}, call.fault(c.expiredAnswer(call, "credentials"))
	case auth.ExpiresAt.Sub(now) > maxTTL+skew.Abs():
		return Authorization{}, call.fault(&Fault{Kind: BadResponse})
	}
	auth.ExpiresAt = auth.ExpiresAt.Add(-max(0, c.link.ahead())) // converted to our clock
	return auth, nil
}

func (c *Client) getPrivateToken(ctx context.Context, endpoint, region string, keys aws.CredentialsProvider) (*string, *time.Time, error) {
	out, err := c.ecr(region, endpoint, keys).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	switch {
	case err != nil:
		return nil, nil, err
	case len(out.AuthorizationData) == 0:
		return nil, nil, &Fault{Kind: Empty}
	}
	// One token is valid for all of the principal's registries, so use the first one.
	d := out.AuthorizationData[0]
	return d.AuthorizationToken, d.ExpiresAt, nil
}

func (c *Client) getPublicToken(ctx context.Context, endpoint, region string, keys aws.CredentialsProvider) (*string, *time.Time, error) {
	out, err := c.ecrPublic(region, endpoint, keys).GetAuthorizationToken(ctx, &ecrpublic.GetAuthorizationTokenInput{})
	switch {
	case err != nil:
		return nil, nil, err
	case out.AuthorizationData == nil:
		return nil, nil, &Fault{Kind: Empty}
	}
	return out.AuthorizationData.AuthorizationToken, out.AuthorizationData.ExpiresAt, nil
}

var errToken = errors.New("not an ECR authorization token")

// decodeToken decodes the base64 of AWS:PASSWORD. The password is opaque, can have any
// length, and may contain colons.
func decodeToken(token *string, expires *time.Time) (Authorization, error) {
	if aws.ToString(token) == "" {
		return Authorization{}, &Fault{Kind: Empty}
	}
	if expires == nil || expires.Unix() <= 0 {
		return Authorization{}, &Fault{Kind: BadResponse, Err: errToken}
	}
	text, err := base64.StdEncoding.Strict().DecodeString(*token)
	if err != nil {
		return Authorization{}, &Fault{Kind: BadResponse, Err: errToken} // not err, which quotes input bytes
	}
	user, password, ok := strings.Cut(string(text), ":")
	if !ok || user != ecrUser || password == "" || strings.ContainsFunc(password, isControl) {
		return Authorization{}, &Fault{Kind: BadResponse, Err: errToken}
	}
	return Authorization{Username: user, Password: secret.New(password), ExpiresAt: expires.UTC()}, nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7F && r < 0xA0 || r == '\uFFFD' }
