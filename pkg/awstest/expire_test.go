package awstest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestExpireKeysEndsRoleCredentials(t *testing.T) {
	a := start(t, awstest.Options{})
	c := ecr.NewFromConfig(roleConfig(t, a))
	if _, err := c.GetAuthorizationToken(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	a.ExpireKeys()
	if _, err := c.GetAuthorizationToken(t.Context(), nil); code(err) != "ExpiredTokenException" {
		t.Errorf("after ExpireKeys: %v", err)
	}
}

func TestExpirePasswordsEndsLogins(t *testing.T) {
	a := start(t, awstest.Options{})
	pw := password(t, roleConfig(t, a))
	tr := a.Transport()
	t.Cleanup(tr.CloseIdleConnections)
	client := oci{t, tr, awstest.RegistryHost(acct, region), basic(pw)}
	if status := client.push("team/app", "v1"); status != http.StatusCreated || !a.PasswordValid(pw) {
		t.Fatalf("push: %d, good: %v", status, a.PasswordValid(pw))
	}
	a.ExpirePasswords()
	if status := client.pull("team/app", "v1"); status != http.StatusUnauthorized || a.PasswordValid(pw) {
		t.Errorf("after ExpirePasswords: %d, good: %v", status, a.PasswordValid(pw))
	}
	if a.PasswordValid("guess") {
		t.Error("an unknown password is valid")
	}
}

func TestRefreshTokenState(t *testing.T) {
	a := start(t, awstest.Options{})
	old := a.SignIn(startURL, region, true)
	if !a.RefreshTokenValid(old.RefreshToken) || a.RefreshTokenUsed(old.RefreshToken) {
		t.Error("a new refresh token is invalid or used")
	}
	out, err := ssooidc.NewFromConfig(config(t, a)).CreateToken(t.Context(), refreshInput(old))
	if err != nil {
		t.Fatal(err)
	}
	if a.RefreshTokenValid(old.RefreshToken) || !a.RefreshTokenUsed(old.RefreshToken) || !a.RefreshTokenValid(*out.RefreshToken) {
		t.Error("after a refresh, the old token is valid or the new one is not")
	}
	a.ExpireSession()
	if a.RefreshTokenValid(*out.RefreshToken) || a.RefreshTokenValid("guess") || a.RefreshTokenUsed("guess") {
		t.Error("a token from an expired session, or an unknown token, is valid")
	}
}

// A client with an idle connection is still connected.
// The connection stays open because the body of the response is not read. A transport closes
// an idle connection if the machine is busy (net/http, maxWriteWaitBeforeConnReuse).
func TestWaitIdle(t *testing.T) {
	a := start(t, awstest.Options{})
	tr := a.Transport()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://oidc."+region+".amazonaws.com/token", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if a.WaitIdle(20 * time.Millisecond) {
		t.Error("idle with an open connection")
	}
	response.Body.Close()
	tr.CloseIdleConnections()
	if !a.WaitIdle(time.Minute) {
		t.Error("not idle without a connection")
	}
}

func TestServiceAccountTokens(t *testing.T) {
	a := start(t, awstest.Options{})
	role, other := "arn:aws:iam::"+acct+":role/Push", "arn:aws:iam::"+acct+":role/Admin"
	c := sts.NewFromConfig(config(t, a))
	for name, tt := range map[string]struct {
		audience, role string
		passes         time.Duration
		want           string // error code
	}{
		"role that trusts the service account": {"sts.amazonaws.com", role, 0, ""},
		"another role":                         {"sts.amazonaws.com", other, 0, "AccessDenied"},
		"another audience":                     {"vault", role, 0, "InvalidIdentityToken"},
		"expired token":                        {"sts.amazonaws.com", role, time.Hour, "ExpiredTokenException"},
	} {
		token := a.ServiceAccountToken(awstest.ServiceAccount{Issuer: "https://c.example", Name: "team:app", Audience: tt.audience, Roles: []string{role}}, time.Hour)
		a.Advance(tt.passes)
		_, err := c.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String(tt.role), RoleSessionName: aws.String("app"), WebIdentityToken: aws.String(token)})
		if code(err) != tt.want {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		a.Advance(-tt.passes)
	}
}

func TestLimitAllowsBurst(t *testing.T) {
	a := start(t, awstest.Options{})
	a.Limit(awstest.Portal, 1, 2, "7")
	for i, want := range []int{200, 200, 429} {
		if r := request(t, a, 20*time.Second); r.status != want || want == 429 && r.header.Get("Retry-After") != "7" {
			t.Errorf("call %d: %d, Retry-After %q; want %d", i, r.status, r.header.Get("Retry-After"), want)
		}
	}
	a.Advance(time.Second)
	if r := request(t, a, 20*time.Second); r.status != 200 {
		t.Errorf("after one second: %d", r.status)
	}
	a.Limit(awstest.Portal, 0, 0, "")
	if r := request(t, a, 20*time.Second); r.status != 200 {
		t.Errorf("without the limit: %d", r.status)
	}
}
