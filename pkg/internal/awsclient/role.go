package awsclient

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// RoleCredentials asks the portal for the credentials of s's role, through the
// SDK's SSO provider on the token file at tokenPath. t is that file as we read
// it. Errors: *Fault; Unauthorized: the token is not good although it may not
// have expired; Forbidden: account or role not open to the person.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
func (c *Client) RoleCredentials(ctx context.Context, s awsconfig.SSO, tokenPath string, t ssotoken.Token) (rolecache.Credentials, error) {
	c, err := c.WithProfile(s.Profile)
	if err != nil {
		return rolecache.Credentials{}, err
	}
	api, err := c.portal(s.SSORegion)
	if err != nil {
		return rolecache.Credentials{}, err
	}
	ctx, call, cancel := c.begin(ctx, portalService.name, "GetRoleCredentials", always)
	defer cancel()
	bearer := &bearer{api: api, token: t.AccessToken}
	provider := ssocreds.New(bearer, s.Account, s.Role, s.StartURL, func(o *ssocreds.Options) { o.CachedTokenFilepath = tokenPath })
	creds, err := provider.Retrieve(ctx)
	// The provider reads the file anew and more strictly than we do: dates in
	// "UTC", as older tools wrote them, and a file that the AWS CLI is just
	// rewriting (truncate, then write) are errors to it. We hold the token, so
	// neither is a reason to fail. It says so before it asks the portal.
	if unread := new(ssocreds.InvalidTokenError); errors.As(err, &unread) {
		creds, err = bearer.retrieve(ctx, s)
	}
	if err != nil {
		return rolecache.Credentials{}, call.fault(err)
	}
	return c.checked(call, creds, s.Account)
}

// bearer puts the token that we hold into the provider's request: it is the one
// that floor 4 has just judged or refreshed, whatever the file says by now.
type bearer struct {
	api   *sso.Client
	token secret.Secret
}

// GetRoleCredentials implements ssocreds.GetRoleCredentialsAPIClient.
func (b *bearer) GetRoleCredentials(ctx context.Context, in *sso.GetRoleCredentialsInput, opts ...func(*sso.Options)) (*sso.GetRoleCredentialsOutput, error) {
	ours := *in
	ours.AccessToken = aws.String(b.token.Reveal())
	out, err := b.api.GetRoleCredentials(ctx, &ours, opts...)
	if err == nil && out.RoleCredentials == nil {
		return nil, &Fault{Kind: Empty} // the provider would not look
	}
	return out, err
}

func (b *bearer) retrieve(ctx context.Context, s awsconfig.SSO) (aws.Credentials, error) {
	out, err := b.GetRoleCredentials(ctx, &sso.GetRoleCredentialsInput{AccountId: &s.Account, RoleName: &s.Role})
	if err != nil {
		return aws.Credentials{}, err
	}
	r := out.RoleCredentials
	return aws.Credentials{
		AccessKeyID: aws.ToString(r.AccessKeyId), SecretAccessKey: aws.ToString(r.SecretAccessKey), SessionToken: aws.ToString(r.SessionToken),
		CanExpire: true, Expires: time.UnixMilli(r.Expiration).UTC(),
	}, nil
}

// checked turns the SDK's credentials into ours, whole or not at all.
func (c *Client) checked(call *call, creds aws.Credentials, account string) (rolecache.Credentials, error) {
	switch {
	case creds.AccessKeyID == "" || creds.SecretAccessKey == "":
		return rolecache.Credentials{}, call.fault(&Fault{Kind: Empty})
	case !printable(creds.AccessKeyID + creds.SecretAccessKey + creds.SessionToken):
		return rolecache.Credentials{}, call.fault(&Fault{Kind: BadAnswer})
	case creds.CanExpire && !creds.Expires.After(c.o.Now()):
		return rolecache.Credentials{}, call.fault(c.tooOld(call, "credentials"))
	}
	out := rolecache.Credentials{
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

// tooOld is the fault of an answer that has expired before it came: either it is
// nonsense or our clock is ahead.
func (c *Client) tooOld(call *call, what string) *Fault {
	n := call.notes()
	if -n.skew > maxSkew {
		return &Fault{Kind: ClockSkew}
	}
	host := n.host
	if host == "" {
		host = "AWS"
	}
	return &Fault{Kind: BadAnswer, cause: host + " sent " + what + " that are expired or carry no date"}
}
