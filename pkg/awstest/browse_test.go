package awstest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestBrowseFollowsRedirectAndApprovesDevice(t *testing.T) {
	a := start(t, awstest.Options{})
	c := ssooidc.NewFromConfig(config(t, a))
	got := make(chan url.Values, 1)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got <- r.URL.Query() }))
	defer listener.Close()
	client := register(t, c, "authorization_code")
	v := url.Values{"response_type": {"code"}, "client_id": {*client.ClientId}, "redirect_uri": {listener.URL + "/oauth/callback"}, "state": {"s"},
		"code_challenge_method": {"S256"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}}
	if err := a.Browse(t.Context(), "https://oidc.eu-west-1.amazonaws.com/authorize?"+v.Encode()); err != nil {
		t.Fatal(err)
	}
	if q := <-got; q.Get("code") == "" || q.Get("state") != "s" {
		t.Errorf("%v", q)
	}

	client = register(t, c)
	d := must(c.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{ClientId: client.ClientId,
		ClientSecret: client.ClientSecret, StartUrl: aws.String(startURL)}))
	if err := a.Browse(t.Context(), *d.VerificationUriComplete); err != nil {
		t.Fatal(err)
	}
	out := must(c.CreateToken(t.Context(), &ssooidc.CreateTokenInput{ClientId: client.ClientId, ClientSecret: client.ClientSecret,
		DeviceCode: d.DeviceCode, GrantType: aws.String(device)}))
	if out.RefreshToken == nil {
		t.Error("no refresh token")
	}
}
