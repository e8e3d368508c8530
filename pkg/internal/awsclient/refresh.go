package awsclient

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// The operations of a Fault, where the API's CreateToken is several things.
const (
	opRefresh = "CreateToken (refresh)"
	opDevice  = "CreateToken (device code)"
	opCode    = "CreateToken (code)"
)

// maxExpiresIn bounds what a service may say; portal sessions last 90 days at
// most.
const maxExpiresIn = 91 * 24 * time.Hour

// Refresh trades a refresh token for a new access token. A refresh token may be
// good for one use only, so a try is repeated only if no connection was made or
// the service said 5xx or 429; after a connection that broke in mid-answer
// nobody knows whether it was spent. Errors: *Fault; InvalidGrant and
// InvalidClient are final.
// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
func (c *Client) Refresh(ctx context.Context, region string, t ssotoken.Token) (ssotoken.Grant, error) {
	return c.createToken(ctx, region, opRefresh, unspent, &ssooidc.CreateTokenInput{
		GrantType:    aws.String("refresh_token"),
		ClientId:     aws.String(t.ClientID),
		ClientSecret: aws.String(t.ClientSecret.Reveal()),
		RefreshToken: aws.String(t.RefreshToken.Reveal()),
	})
}

func (c *Client) createToken(ctx context.Context, region, op string, again policy, in *ssooidc.CreateTokenInput) (ssotoken.Grant, error) {
	api, err := c.oidc(region)
	if err != nil {
		return ssotoken.Grant{}, err
	}
	ctx, call, cancel := c.begin(ctx, oidcService.name, op, again)
	defer cancel()
	out, err := api.CreateToken(ctx, in)
	if err != nil {
		return ssotoken.Grant{}, call.fault(err)
	}
	life := time.Duration(out.ExpiresIn) * time.Second
	switch {
	case aws.ToString(out.AccessToken) == "":
		return ssotoken.Grant{}, call.fault(&Fault{Kind: Empty})
	case life <= 0 || life > maxExpiresIn || !printable(*out.AccessToken) || !printable(aws.ToString(out.RefreshToken)):
		return ssotoken.Grant{}, call.fault(&Fault{Kind: BadAnswer})
	}
	return ssotoken.Grant{
		AccessToken:  secret.New(*out.AccessToken),
		ExpiresIn:    life,
		RefreshToken: secret.New(aws.ToString(out.RefreshToken)),
	}, nil
}

// printable reports whether a token has visible ASCII only, as it must to stand
// in a header and in a file.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}
