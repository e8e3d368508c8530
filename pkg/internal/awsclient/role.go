package awsclient

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// RoleCredentials asks the portal for the credentials of s's role with the token t.
// Errors: *Fault; Unauthorized: the token is not good although it may not have
// expired; Forbidden: the account or the role is not assigned to the person.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
func (c *Client) RoleCredentials(ctx context.Context, s awsconfig.SSO, t ssotoken.Token) (rolecache.Credentials, error) {
	c, err := c.WithProfile(s.Profile)
	if err != nil {
		return rolecache.Credentials{}, err
	}
	ctx, call, cancel := c.begin(ctx, portalService.name, "GetRoleCredentials", always)
	defer cancel()
	keys, err := c.ssoCredentials(ctx, s, t)
	if err != nil {
		return rolecache.Credentials{}, call.fault(err)
	}
	return c.checked(call, keys, s.Account)
}

// ssoCredentials makes the portal call. The SDK's SSO provider is not used: it would
// read the token file again, by stricter rules, although the token is at hand.
func (c *Client) ssoCredentials(ctx context.Context, s awsconfig.SSO, t ssotoken.Token) (aws.Credentials, error) {
	api, err := c.portal(s.SSORegion)
	if err != nil {
		return aws.Credentials{}, err
	}
	out, err := api.GetRoleCredentials(ctx, &sso.GetRoleCredentialsInput{
		AccountId: &s.Account, RoleName: &s.Role, AccessToken: aws.String(t.AccessToken.Reveal()),
	})
	switch {
	case err != nil:
		return aws.Credentials{}, err
	case out.RoleCredentials == nil:
		return aws.Credentials{}, &Fault{Kind: Empty}
	}
	r := out.RoleCredentials
	return aws.Credentials{
		AccessKeyID: aws.ToString(r.AccessKeyId), SecretAccessKey: aws.ToString(r.SecretAccessKey), SessionToken: aws.ToString(r.SessionToken),
		CanExpire: true, Expires: time.UnixMilli(r.Expiration).UTC(), AccountID: s.Account,
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
