package awsclient

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Authorization is a login for a registry.
type Authorization struct {
	Username  string // always AWS
	Password  secret.Secret
	ExpiresAt time.Time
}

const (
	ecrUser = "AWS"
	maxLife = 13 * time.Hour // tokens live 12 h; the rest is for rounding
)

// AuthorizationToken asks ECR or ECR Public for a login with the credentials c.
// The answer's proxyEndpoint is not looked at: it names the caller's own registry,
// the token is good for every registry of the region that the caller may use.
// Errors: *Fault; Denied: the principal lacks the permission; Expired: the
// credentials are not good any more.
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
// https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html
func (c *Client) AuthorizationToken(ctx context.Context, r registry.Registry, keys rolecache.Credentials) (Authorization, error) {
	endpoint, err := c.Endpoint(r)
	if err != nil {
		return Authorization{}, err
	}
	older := ""
	if endpoint == "https://"+r.APIHost() { // no setting names it
		older = olderEndpoint(endpoint)
	}
	a, err := c.authorize(ctx, r, keys, endpoint, older != "")
	if older != "" && unresolved(err) {
		if a, again := c.authorize(ctx, r, keys, older, false); again == nil || !unresolved(again) {
			return a, again
		}
	}
	return a, err
}

// authorize asks at one endpoint. older: there is another one to ask.
func (c *Client) authorize(ctx context.Context, r registry.Registry, keys rolecache.Credentials, endpoint string, older bool) (Authorization, error) {
	ctx, call, cancel := c.begin(ctx, serviceOf(r).name, "GetAuthorizationToken", always)
	defer cancel()
	call.older = older
	ask := c.askECR
	if r.Service == registry.Public {
		ask = c.askPublic
	}
	var token *string
	var expires *time.Time
	provider := credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey.Reveal(), keys.SessionToken.Reveal())
	err := c.inServerTime(call, func() (err error) {
		token, expires, err = ask(ctx, endpoint, r.Region, provider)
		return err
	})
	if err != nil {
		return Authorization{}, err
	}
	a, err := decodeToken(token, expires)
	if err != nil {
		return Authorization{}, call.fault(err)
	}
	now := c.o.Now()
	switch skew := call.notes().skew; {
	case !a.ExpiresAt.After(now):
		return Authorization{}, call.fault(c.tooOld(call, "credentials"))
	case a.ExpiresAt.Sub(now) > maxLife+skew.Abs():
		return Authorization{}, call.fault(&Fault{Kind: BadAnswer})
	}
	a.ExpiresAt = a.ExpiresAt.Add(-max(0, c.link.ahead())) // by our clock
	return a, nil
}

func (c *Client) askECR(ctx context.Context, endpoint, region string, keys aws.CredentialsProvider) (*string, *time.Time, error) {
	out, err := c.ecr(region, endpoint, keys).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	switch {
	case err != nil:
		return nil, nil, err
	case len(out.AuthorizationData) == 0:
		return nil, nil, &Fault{Kind: Empty}
	}
	// One token serves all registries that the caller may use, so of several
	// the first is as good as any.
	d := out.AuthorizationData[0]
	return d.AuthorizationToken, d.ExpiresAt, nil
}

func (c *Client) askPublic(ctx context.Context, endpoint, region string, keys aws.CredentialsProvider) (*string, *time.Time, error) {
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

// decodeToken reads base64 of AWS:PASSWORD. The password is opaque, of any size,
// and may hold colons.
func decodeToken(token *string, expires *time.Time) (Authorization, error) {
	if aws.ToString(token) == "" {
		return Authorization{}, &Fault{Kind: Empty}
	}
	if expires == nil || expires.Unix() <= 0 {
		return Authorization{}, &Fault{Kind: BadAnswer, Err: errToken}
	}
	text, err := base64.StdEncoding.Strict().DecodeString(*token)
	if err != nil {
		return Authorization{}, &Fault{Kind: BadAnswer, Err: errToken} // not err: it quotes the input's bytes
	}
	user, password, ok := strings.Cut(string(text), ":")
	if !ok || user != ecrUser || password == "" || strings.ContainsFunc(password, isControl) {
		return Authorization{}, &Fault{Kind: BadAnswer, Err: errToken}
	}
	return Authorization{Username: user, Password: secret.New(password), ExpiresAt: expires.UTC()}, nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7F && r < 0xA0 || r == '\uFFFD' }
