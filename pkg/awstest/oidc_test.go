package awstest_test

import (
	"cmp"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc/types"
	"github.com/aws/smithy-go"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func refreshInput(s awstest.SSOToken) *ssooidc.CreateTokenInput {
	return &ssooidc.CreateTokenInput{ClientId: &s.ClientID, ClientSecret: &s.ClientSecret, RefreshToken: &s.RefreshToken,
		GrantType: aws.String("refresh_token")}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func TestRefreshTokenWorksOnce(t *testing.T) {
	a := start(t, awstest.Options{})
	c := ssooidc.NewFromConfig(config(t, a))
	s := a.SignIn(startURL, region, true)
	out, err := c.CreateToken(t.Context(), refreshInput(s))
	if err != nil || *out.RefreshToken == s.RefreshToken || out.ExpiresIn != 3600 {
		t.Fatalf("first refresh: %+v, %v", out, err)
	}
	_, err = c.CreateToken(t.Context(), refreshInput(s))
	var grant *types.InvalidGrantException
	if !errors.As(err, &grant) || aws.ToString(grant.Error_) != "invalid_grant" {
		t.Fatalf("second refresh with the same token: %v", err)
	}
	s.RefreshToken = *out.RefreshToken
	if _, err = c.CreateToken(t.Context(), refreshInput(s)); err != nil {
		t.Fatalf("refresh with the new token: %v", err)
	}
	if n := a.Calls(awstest.CreateToken); n != 3 {
		t.Fatalf("%d calls", n)
	}
}

func TestRefreshNeedsValidClient(t *testing.T) {
	a := start(t, awstest.Options{})
	c := ssooidc.NewFromConfig(config(t, a))
	s, other := a.SignIn(startURL, region, true), a.SignIn(startURL, region, true)
	s.ClientSecret = other.ClientSecret
	if _, err := c.CreateToken(t.Context(), refreshInput(s)); code(err) != "InvalidClientException" {
		t.Fatalf("wrong secret: %v", err)
	}
	s.ClientID = other.ClientID
	if _, err := c.CreateToken(t.Context(), refreshInput(s)); code(err) != "InvalidGrantException" {
		t.Fatalf("another client's token: %v", err)
	}
	a.ExpireSession()
	if _, err := c.CreateToken(t.Context(), refreshInput(other)); code(err) != "InvalidGrantException" {
		t.Fatalf("expired session: %v", err)
	}
	a.ExpireClients()
	if _, err := c.CreateToken(t.Context(), refreshInput(other)); code(err) != "InvalidClientException" {
		t.Fatalf("expired registration: %v", err)
	}
}

func TestAuthorizationCode(t *testing.T) {
	verifier := strings.Repeat("v", 64)
	for name, c := range map[string]struct {
		page   func(url.Values)
		status int    // of the page, if it does not redirect
		back   string // the error in the redirect URL
		token  func(*ssooidc.CreateTokenInput)
		err    string
	}{
		"valid":          {},
		"wrong verifier": {token: func(i *ssooidc.CreateTokenInput) { i.CodeVerifier = aws.String(strings.Repeat("w", 64)) }, err: "InvalidGrantException"},
		"no verifier":    {token: func(i *ssooidc.CreateTokenInput) { i.CodeVerifier = nil }, err: "InvalidGrantException"},
		"token request with another redirect URI": {token: func(i *ssooidc.CreateTokenInput) { i.RedirectUri = aws.String(redirect) }, err: "InvalidGrantException"},
		"unknown code":               {token: func(i *ssooidc.CreateTokenInput) { i.Code = aws.String("x") }, err: "InvalidGrantException"},
		"unregistered redirect path": {page: func(v url.Values) { v.Set("redirect_uri", "http://127.0.0.1:1/other") }, status: 400},
		"redirect to another host":   {page: func(v url.Values) { v.Set("redirect_uri", "http://evil.example:1/oauth/callback") }, status: 400},
		"unknown client":             {page: func(v url.Values) { v.Set("client_id", "nobody") }, status: 400},
		"plain challenge":            {page: func(v url.Values) { v.Set("code_challenge_method", "plain") }, back: "invalid_request"},
		"missing state":              {page: func(v url.Values) { v.Del("state") }, back: "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, awstest.Options{})
			oidc := ssooidc.NewFromConfig(config(t, a))
			client := register(t, oidc, "authorization_code", "refresh_token")
			back, status := browse(t, a, *client.ClientId, verifier, c.page)
			if c.status != 0 || c.back != "" {
				if status != cmp.Or(c.status, 302) || back.Get("error") != c.back {
					t.Fatalf("page: %d, %v", status, back)
				}
				return
			}
			if back.Get("state") != "s-1" || back.Get("code") == "" {
				t.Fatalf("redirect: %v, %d", back, status)
			}
			in := &ssooidc.CreateTokenInput{ClientId: client.ClientId, ClientSecret: client.ClientSecret, Code: aws.String(back.Get("code")),
				GrantType: aws.String("authorization_code"), CodeVerifier: &verifier, RedirectUri: aws.String("http://127.0.0.1:12345/oauth/callback")}
			if c.token != nil {
				c.token(in)
			}
			out, err := oidc.CreateToken(t.Context(), in)
			if code(err) != c.err {
				t.Fatalf("CreateToken: %v", err)
			}
			if err == nil && (out.RefreshToken == nil || aws.ToString(out.TokenType) != "Bearer") {
				t.Fatalf("no refresh token")
			}
			if _, err := oidc.CreateToken(t.Context(), in); code(err) != "InvalidGrantException" {
				t.Fatalf("the code worked twice: %v", err)
			}
		})
	}
}

func TestAuthorizationCodeExpires(t *testing.T) {
	verifier := strings.Repeat("v", 64)
	a := start(t, awstest.Options{})
	oidc := ssooidc.NewFromConfig(config(t, a))
	client := register(t, oidc, "authorization_code")
	back, _ := browse(t, a, *client.ClientId, verifier, nil)
	a.Advance(10 * time.Minute)
	_, err := oidc.CreateToken(t.Context(), &ssooidc.CreateTokenInput{ClientId: client.ClientId, ClientSecret: client.ClientSecret,
		Code: aws.String(back.Get("code")), GrantType: aws.String("authorization_code"), CodeVerifier: &verifier,
		RedirectUri: aws.String("http://127.0.0.1:12345/oauth/callback")})
	if code(err) != "ExpiredTokenException" {
		t.Fatalf("CreateToken after 10 minutes: %v", err)
	}
}

func TestDeniedAuthorizePageRedirectsWithAccessDenied(t *testing.T) {
	a := start(t, awstest.Options{})
	client := register(t, ssooidc.NewFromConfig(config(t, a)), "authorization_code")
	a.Fail(awstest.Authorize, awstest.Fault{Kind: awstest.Deny, Times: 1})
	if back, _ := browse(t, a, *client.ClientId, "v", nil); back.Get("error") != "access_denied" || back.Get("state") != "s-1" {
		t.Fatalf("redirect: %v", back)
	}
}

func TestDeviceCode(t *testing.T) {
	now := time.Now()
	a := start(t, awstest.Options{Clock: func() time.Time { return now }})
	c := ssooidc.NewFromConfig(config(t, a))
	client := register(t, c)
	if _, err := c.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{ClientId: client.ClientId,
		ClientSecret: client.ClientSecret, StartUrl: aws.String("https://elsewhere.awsapps.com/start")}); code(err) != "InvalidRequestException" {
		t.Fatalf("wrong start URL: %v", err)
	}
	begin := func() *ssooidc.CreateTokenInput {
		d := must(c.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{ClientId: client.ClientId,
			ClientSecret: client.ClientSecret, StartUrl: aws.String(startURL)}))
		return &ssooidc.CreateTokenInput{ClientId: client.ClientId, ClientSecret: client.ClientSecret, DeviceCode: d.DeviceCode, GrantType: aws.String(device)}
	}
	poll := func(in *ssooidc.CreateTokenInput, want string) {
		t.Helper()
		if _, err := c.CreateToken(t.Context(), in); code(err) != want {
			t.Fatalf("poll: %v, want %q", err, want)
		}
	}
	in := begin()
	poll(in, "AuthorizationPendingException")
	a.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.SlowDown, Times: 1})
	poll(in, "SlowDownException")
	if !a.ApproveDevice("") {
		t.Fatal("no device code is pending")
	}
	poll(in, "")
	poll(in, "InvalidGrantException")
	in = begin()
	a.DenyDevice("")
	poll(in, "AccessDeniedException")
	in = begin()
	a.Advance(11 * time.Minute)
	poll(in, "ExpiredTokenException")
}

func TestClientCannotUseBothFlows(t *testing.T) {
	a := start(t, awstest.Options{})
	_, err := ssooidc.NewFromConfig(config(t, a)).RegisterClient(t.Context(), &ssooidc.RegisterClientInput{ClientName: aws.String("x"),
		ClientType: aws.String("public"), GrantTypes: []string{"authorization_code", device}, RedirectUris: []string{redirect}, IssuerUrl: aws.String(startURL)})
	if code(err) != "InvalidScopeException" {
		t.Fatal(err)
	}
}
