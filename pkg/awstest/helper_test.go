package awstest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

const (
	startURL = "https://my-portal.awsapps.com/start"
	region   = "eu-west-1"
	acct     = "444455556666"
	device   = "urn:ietf:params:oauth:grant-type:device_code"
	redirect = "http://127.0.0.1/oauth/callback"
)

func start(t *testing.T, o awstest.Options) *awstest.AWS {
	t.Helper()
	a, err := awstest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	a.AddInstance(startURL, region)
	a.AddAccount(acct, "dev", "dev@example.com", "Admin", "Push")
	return a
}

// config returns an SDK configuration that connects to the fake by the real host names and
// does not retry.
func config(t *testing.T, a *awstest.AWS) aws.Config {
	tr := a.Transport()
	t.Cleanup(tr.CloseIdleConnections)
	return aws.Config{Region: region, HTTPClient: &http.Client{Transport: tr, Timeout: testLimit},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}

func roleConfig(t *testing.T, a *awstest.AWS) aws.Config {
	t.Helper()
	c := config(t, a)
	out, err := sso.NewFromConfig(c).GetRoleCredentials(t.Context(), &sso.GetRoleCredentialsInput{
		AccessToken: aws.String(a.SignIn(startURL, region, true).AccessToken), AccountId: aws.String(acct), RoleName: aws.String("Push")})
	if err != nil {
		t.Fatal(err)
	}
	r := out.RoleCredentials
	c.Credentials = credentials.NewStaticCredentialsProvider(*r.AccessKeyId, *r.SecretAccessKey, *r.SessionToken)
	return c
}

// password requests an ECR token and returns its password.
func password(t *testing.T, c aws.Config) string {
	t.Helper()
	out, err := ecr.NewFromConfig(c).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(*out.AuthorizationData[0].AuthorizationToken)
	if err != nil || string(b[:4]) != "AWS:" {
		t.Fatalf("token %.10q, %v", b, err)
	}
	return string(b[4:])
}

func register(t *testing.T, c *ssooidc.Client, grants ...string) *ssooidc.RegisterClientOutput {
	t.Helper()
	in := &ssooidc.RegisterClientInput{ClientName: aws.String("test"), ClientType: aws.String("public"), GrantTypes: grants,
		Scopes: []string{"sso:account:access"}}
	if len(grants) > 0 {
		in.RedirectUris, in.IssuerUrl = []string{redirect}, aws.String(startURL)
	}
	out, err := c.RegisterClient(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// browse requests /authorize like a browser. It returns the query of the redirect, or just
// the status if there is no redirect.
func browse(t *testing.T, a *awstest.AWS, id, verifier string, change func(url.Values)) (url.Values, int) {
	t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	v := url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {"http://127.0.0.1:12345/oauth/callback"}, "state": {"s-1"},
		"code_challenge_method": {"S256"}, "scopes": {"sso:account:access"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}
	if change != nil {
		change(v)
	}
	tr := a.Transport()
	t.Cleanup(tr.CloseIdleConnections)
	resp, err := tr.RoundTrip(must(http.NewRequest("GET", "https://oidc."+region+".amazonaws.com/authorize?"+v.Encode(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		return nil, resp.StatusCode
	}
	return must(url.Parse(resp.Header.Get("Location"))).Query(), resp.StatusCode
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
