package awsclient

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// RegisterInput describes the client to register. For the device flow, leave GrantTypes,
// RedirectURIs and IssuerURL empty: the service rejects a client registered for both flows.
type RegisterInput struct {
	ClientName   string
	Scopes       []string
	GrantTypes   []string
	RedirectURIs []string
	IssuerURL    string
}

// Registration is a registered client.
type Registration struct {
	ClientID     string
	ClientSecret secret.Secret
	ExpiresAt    time.Time
}

// RegisterClient registers a public client with sso-oidc. It returns a *Fault.
// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_RegisterClient.html
func (c *Client) RegisterClient(ctx context.Context, region string, in RegisterInput) (Registration, error) {
	api, err := c.oidc(region)
	if err != nil {
		return Registration{}, err
	}
	ctx, call, cancel := c.begin(ctx, oidcService.name, "RegisterClient", retryAlways)
	defer cancel()
	out, err := api.RegisterClient(ctx, &ssooidc.RegisterClientInput{
		ClientName: &in.ClientName, ClientType: aws.String("public"),
		Scopes: in.Scopes, GrantTypes: in.GrantTypes, RedirectUris: in.RedirectURIs, IssuerUrl: optional(in.IssuerURL),
	})
	if err != nil {
		return Registration{}, call.fault(err)
	}
	r := Registration{
		ClientID:     aws.ToString(out.ClientId),
		ClientSecret: secret.New(aws.ToString(out.ClientSecret)),
		ExpiresAt:    registrationEnd(out.ClientSecretExpiresAt, c.o.Now()),
	}
	if r.ClientID == "" || r.ClientSecret.Empty() {
		return Registration{}, call.fault(&Fault{Kind: Empty})
	}
	if !printable(r.ClientID) || !printable(r.ClientSecret.Reveal()) {
		return Registration{}, call.fault(&Fault{Kind: BadResponse})
	}
	return r, nil
}

// maxRegistration is the maximum accepted lifetime of a registration (AWS: 90 days). The
// AWS CLI and the SDKs could not read a token file with a date after the year 9999.
const maxRegistration = 365 * 24 * time.Hour

// registrationEnd returns when a registration expires. 0 means never (RFC 7591, section
// 3.2.1), which a token file cannot express.
func registrationEnd(unix int64, now time.Time) time.Time {
	latest := now.Add(maxRegistration)
	if unix <= 0 || unix > latest.Unix() {
		unix = latest.Unix()
	}
	return time.Unix(unix, 0).UTC()
}

// Device is a started device flow (RFC 8628, section 3.2). Its texts come unsanitized from
// the server: pass them through hint.Clean before display, and check URLs before opening
// one.
type Device struct {
	DeviceCode              secret.Secret
	UserCode                string
	VerificationURI         string
	VerificationURIComplete string
	ExpiresIn               time.Duration // 0: not in the response
	Interval                time.Duration // 0: not in the response
}

// StartDevice starts a device flow for a start URL. It returns a *Fault.
// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_StartDeviceAuthorization.html
func (c *Client) StartDevice(ctx context.Context, region string, r Registration, startURL string) (Device, error) {
	api, err := c.oidc(region)
	if err != nil {
		return Device{}, err
	}
	ctx, call, cancel := c.begin(ctx, oidcService.name, "StartDeviceAuthorization", retryAlways)
	defer cancel()
	out, err := api.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId: &r.ClientID, ClientSecret: aws.String(r.ClientSecret.Reveal()), StartUrl: &startURL,
	})
	if err != nil {
		return Device{}, call.fault(err)
	}
	d := Device{
		DeviceCode:              secret.New(aws.ToString(out.DeviceCode)),
		UserCode:                aws.ToString(out.UserCode),
		VerificationURI:         aws.ToString(out.VerificationUri),
		VerificationURIComplete: aws.ToString(out.VerificationUriComplete),
		ExpiresIn:               max(0, time.Duration(out.ExpiresIn)*time.Second),
		Interval:                max(0, time.Duration(out.Interval)*time.Second),
	}
	if d.DeviceCode.Empty() || d.UserCode == "" || d.VerificationURI == "" {
		return Device{}, call.fault(&Fault{Kind: Empty})
	}
	return d, nil
}

// TokenByDevice polls once for the user's approval. Kind AuthorizationPending and SlowDown
// mean to poll again later. It does not retry; the poller does.
func (c *Client) TokenByDevice(ctx context.Context, region string, r Registration, deviceCode secret.Secret) (awscache.Grant, error) {
	return c.createToken(ctx, region, opDevice, retryNever, &ssooidc.CreateTokenInput{
		GrantType:    aws.String("urn:ietf:params:oauth:grant-type:device_code"),
		ClientId:     &r.ClientID,
		ClientSecret: aws.String(r.ClientSecret.Reveal()),
		DeviceCode:   aws.String(deviceCode.Reveal()),
	})
}

// TokenByCode exchanges an authorization code and its PKCE verifier for a token (RFC 7636,
// section 4.5). It does not retry: a code can be used only once.
func (c *Client) TokenByCode(ctx context.Context, region string, r Registration, code secret.Secret, redirectURI string, verifier secret.Secret) (awscache.Grant, error) {
	return c.createToken(ctx, region, opCode, retryNever, &ssooidc.CreateTokenInput{
		GrantType:    aws.String("authorization_code"),
		ClientId:     &r.ClientID,
		ClientSecret: aws.String(r.ClientSecret.Reveal()),
		Code:         aws.String(code.Reveal()),
		RedirectUri:  &redirectURI,
		CodeVerifier: aws.String(verifier.Reveal()),
	})
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Fault operations for the grants of CreateToken.
const (
	opRefresh = "CreateToken (refresh)"
	opDevice  = "CreateToken (device code)"
	opCode    = "CreateToken (code)"
)

// maxExpiresIn is the maximum accepted lifetime of a token; portal sessions last up to 90
// days.
const maxExpiresIn = 91 * 24 * time.Hour

// Refresh exchanges a refresh token for a new access token. Some refresh tokens can be used
// only once, so it retries only if no connection was made or the service returned 5xx or
// 429: after a broken connection, the token may have been used. It returns a *Fault;
// InvalidGrant and InvalidClient are permanent.
// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
func (c *Client) Refresh(ctx context.Context, region string, token awscache.Token) (awscache.Grant, error) {
	grant, err := c.createToken(ctx, cmp.Or(token.Region, region), opRefresh, retryUnlessSent, &ssooidc.CreateTokenInput{
		GrantType:    aws.String("refresh_token"),
		ClientId:     aws.String(token.ClientID),
		ClientSecret: aws.String(token.ClientSecret.Reveal()),
		RefreshToken: aws.String(token.RefreshToken.Reveal()),
	})
	if f, ok := errors.AsType[*Fault](err); ok && (f.Kind == InvalidGrant || f.Kind == InvalidClient) {
		err = &awscache.RefusedError{Host: f.Host, Code: f.Code, Err: err}
	}
	return grant, err
}

func (c *Client) createToken(ctx context.Context, region, op string, retry policy, in *ssooidc.CreateTokenInput) (awscache.Grant, error) {
	api, err := c.oidc(region)
	if err != nil {
		return awscache.Grant{}, err
	}
	ctx, call, cancel := c.begin(ctx, oidcService.name, op, retry)
	defer cancel()
	out, err := api.CreateToken(ctx, in)
	if err != nil {
		return awscache.Grant{}, call.fault(err)
	}
	life := time.Duration(out.ExpiresIn) * time.Second
	switch {
	case aws.ToString(out.AccessToken) == "":
		return awscache.Grant{}, call.fault(&Fault{Kind: Empty})
	case life <= 0 || life > maxExpiresIn || !printable(*out.AccessToken) || !printable(aws.ToString(out.RefreshToken)):
		return awscache.Grant{}, call.fault(&Fault{Kind: BadResponse})
	}
	return awscache.Grant{
		AccessToken:  secret.New(*out.AccessToken),
		ExpiresIn:    life,
		RefreshToken: secret.New(aws.ToString(out.RefreshToken)),
	}, nil
}
