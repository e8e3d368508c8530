package awsclient

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func TestDeviceFlow(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	r, err := c.RegisterClient(t.Context(), region, RegisterInput{ClientName: "test", Scopes: []string{"sso:account:access"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Until(r.ExpiresAt); d < 89*24*time.Hour || d > 91*24*time.Hour {
		t.Errorf("registered for %s", d)
	}
	d, err := c.StartDevice(t.Context(), region, r, startURL)
	if err != nil {
		t.Fatal(err)
	}
	if d.Interval != time.Second || d.ExpiresIn != 10*time.Minute || !strings.Contains(d.VerificationURIComplete, d.UserCode) {
		t.Errorf("got %+v", d)
	}
	poll := func() (awscache.Grant, error) { return c.TokenByDevice(t.Context(), region, r, d.DeviceCode) }
	for _, tt := range []struct {
		fault awstest.Fault
		kind  Kind
	}{
		{awstest.Fault{Kind: awstest.Pending}, AuthorizationPending},
		{awstest.Fault{Kind: awstest.SlowDown}, SlowDown},
		{awstest.Fault{Status: 400, Code: "expired_token"}, ExpiredDevice},
		{awstest.Fault{Kind: awstest.Deny}, AccessDenied},
		{awstest.Fault{Status: 500}, Server},
		{awstest.Fault{Kind: awstest.Reset}, Network},
	} {
		w.ResetLog()
		w.Fail(awstest.CreateToken, tt.fault)
		_, err := poll()
		if f := faultOf(t, err); f.Kind != tt.kind {
			t.Errorf("%+v: kind %d: %v", tt.fault, f.Kind, f)
		}
		if n := w.Calls(awstest.CreateToken); n != 1 {
			t.Errorf("%+v: %d calls", tt.fault, n)
		}
		w.ClearFaults()
	}
	w.ApproveDevice(d.UserCode)
	g, err := poll()
	if err != nil {
		t.Fatal(err)
	}
	if g.AccessToken.Empty() || g.RefreshToken.Empty() || g.ExpiresIn != time.Hour {
		t.Errorf("got %+v", g)
	}
}

func TestAuthorizationCode(t *testing.T) {
	const redirect = "http://127.0.0.1:5000/oauth/callback"
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	r, err := c.RegisterClient(t.Context(), region, RegisterInput{
		ClientName: "test", Scopes: []string{"sso:account:access"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		RedirectURIs: []string{"http://127.0.0.1/oauth/callback"}, IssuerURL: startURL,
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier := strings.Repeat("v", 64)
	sum := sha256.Sum256([]byte(verifier))
	base, err := c.OIDCEndpoint(region)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.Transport().RoundTrip(get(t, base+"/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {r.ClientID}, "redirect_uri": {redirect}, "state": {"s"},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "scopes": {"sso:account:access"},
	}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	code := secret.New(back.Query().Get("code"))
	g, err := c.TokenByCode(t.Context(), region, r, code, redirect, secret.New(verifier))
	if err != nil || g.AccessToken.Empty() || g.RefreshToken.Empty() {
		t.Fatalf("got %+v, %v", g, err)
	}
	_, err = c.TokenByCode(t.Context(), region, r, code, redirect, secret.New(verifier))
	if f := faultOf(t, err); f.Kind != InvalidGrant {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
}

func get(t *testing.T, u string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWrongStartURL(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	r, err := c.RegisterClient(t.Context(), region, RegisterInput{ClientName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.StartDevice(t.Context(), region, r, "https://nobody.awsapps.com/start")
	if f := faultOf(t, err); f.Kind != Other || f.Code != "invalid_request" || f.Message == "" {
		t.Errorf("kind %d, code %q: %v", f.Kind, f.Code, f)
	}
}

func TestPortalListsAllPages(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	for i := range 230 {
		w.AddAccount(fmt.Sprintf("2%011d", i), "", "", "R")
	}
	c := w.client(t)
	accounts, err := c.ListAccounts(t.Context(), region, w.token.AccessToken)
	if err != nil || len(accounts) != 231 || w.Calls(awstest.ListAccounts) != 3 {
		t.Errorf("%d accounts in %d calls: %v", len(accounts), w.Calls(awstest.ListAccounts), err)
	}
	if diff := cmp.Diff(Account{account, "Corp", "corp@example.com"}, accounts[0]); diff != "" {
		t.Error(diff)
	}
	roles, err := c.ListRoles(t.Context(), region, w.token.AccessToken, account)
	if diff := cmp.Diff([]string{role, "Read"}, roles); diff != "" || err != nil {
		t.Error(diff, err)
	}
	_, err = c.ListRoles(t.Context(), region, w.token.AccessToken, "999999999999")
	if f := faultOf(t, err); f.Kind != Forbidden {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
}

func TestLogout(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	if err := c.Logout(t.Context(), region, w.token.AccessToken); err != nil {
		t.Fatal(err)
	}
	if f := faultOf(t, c.Logout(t.Context(), region, w.token.AccessToken)); f.Kind != Unauthorized {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
	w.Fail(awstest.Logout, awstest.Fault{Kind: awstest.HTML})
	if f := faultOf(t, c.Logout(t.Context(), region, w.token.AccessToken)); f.Kind != NotAWS {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
}

func TestRegistrationEnd(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for unix, want := range map[int64]time.Time{
		now.Unix() + 60: now.Add(time.Minute),
		now.Unix() - 60: now.Add(-time.Minute),
		0:               now.Add(maxRegistration),
		-1:              now.Add(maxRegistration),
		now.UnixMilli(): now.Add(maxRegistration),
		253402300800:    now.Add(maxRegistration), // the year 10000
		math.MaxInt64:   now.Add(maxRegistration),
	} {
		if got := registrationEnd(unix, now); !got.Equal(want) {
			t.Errorf("%d: got %s", unix, got)
		}
	}
}
