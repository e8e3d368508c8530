package awstest_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

const accountsURL = "https://portal.sso.eu-west-1.amazonaws.com/assignment/accounts"

// reply is the response received by an HTTP client.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	err     error // of the request
	bodyErr error // from reading the body
}

// testLimit is the time limit of what succeeds, for busy machines.
const testLimit = 5 * time.Minute

func request(t *testing.T, a *awstest.AWS, limit time.Duration) (r reply) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tr := a.Transport()
	tr.DisableKeepAlives = true
	tr.MaxResponseHeaderBytes = 64 << 10
	req := must(http.NewRequestWithContext(ctx, "GET", accountsURL, nil))
	req.Header.Set("x-amz-sso_bearer_token", a.SignIn(startURL, region, true).AccessToken)
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	r.status, r.header = resp.StatusCode, resp.Header
	r.body, r.bodyErr = io.ReadAll(io.LimitReader(resp.Body, 400<<10))
	return r
}

func contains(part string) func(reply) bool {
	return func(r reply) bool { return r.err != nil && strings.Contains(r.err.Error(), part) }
}

func valid(r reply) bool { return r.err == nil && r.bodyErr == nil && json.Valid(r.body) }

func late(r reply) bool { return errors.Is(r.err, context.DeadlineExceeded) }

// kindCases are the test cases of TestKinds.
var kindCases = []struct {
	fault awstest.Fault
	is    func(reply) bool
}{
	{awstest.Fault{Status: 503, RetryAfter: "30"}, func(r reply) bool {
		return r.status == 503 && r.header.Get("Retry-After") == "30" && bytes.Contains(r.body, []byte("InternalFailure"))
	}},
	{awstest.Fault{Kind: awstest.Throttle}, func(r reply) bool {
		return r.status == 429 && bytes.Contains(r.body, []byte("TooManyRequestsException"))
	}},
	{awstest.Fault{Kind: awstest.Deny}, func(r reply) bool { return r.status == 403 && bytes.Contains(r.body, []byte("No access")) }},
	{awstest.Fault{Kind: awstest.Delay, Delay: 20 * time.Millisecond}, valid},
	{awstest.Fault{Kind: awstest.Hang}, late},
	{awstest.Fault{Kind: awstest.Reset}, contains("reset")},
	{awstest.Fault{Kind: awstest.LateReset}, contains("reset")},
	{awstest.Fault{Kind: awstest.Cut}, func(r reply) bool { return errors.Is(r.bodyErr, io.ErrUnexpectedEOF) && len(r.body) > 10 }},
	{awstest.Fault{Kind: awstest.HTML}, func(r reply) bool {
		return r.status == 200 && strings.HasPrefix(r.header.Get("Content-Type"), "text/html") && bytes.Contains(r.body, []byte("<html>"))
	}},
	{awstest.Fault{Kind: awstest.Redirect}, func(r reply) bool {
		return r.status == 302 && r.header.Get("Location") == "https://login.hotspot.example/"
	}},
	{awstest.Fault{Kind: awstest.Garbage}, func(r reply) bool { return r.status == 200 && !json.Valid(r.body) && len(r.body) > 10 }},
	{awstest.Fault{Kind: awstest.WrongType}, func(r reply) bool { return valid(r) && r.header.Get("Content-Type") == "text/plain" }},
	{awstest.Fault{Kind: awstest.EmptyBody}, func(r reply) bool { return r.status == 200 && len(r.body) == 0 }},
	{awstest.Fault{Kind: awstest.EmptyObject}, func(r reply) bool { return string(r.body) == "{}" }},
	{awstest.Fault{Kind: awstest.NullFields}, func(r reply) bool { return bytes.Contains(r.body, []byte(`"accountId":null`)) }},
	{awstest.Fault{Kind: awstest.ExtraFields}, func(r reply) bool { return valid(r) && bytes.Contains(r.body, []byte("unheardOf")) }},
	{awstest.Fault{Kind: awstest.Rewrite, Rewrite: func([]byte) []byte { return []byte("[]") }}, func(r reply) bool { return string(r.body) == "[]" }},
	{awstest.Fault{Kind: awstest.Giant, Size: 300 << 10}, func(r reply) bool { return valid(r) && len(r.body) == 300<<10 }},
	{awstest.Fault{Kind: awstest.GzipBomb, Size: 300 << 10}, func(r reply) bool { return valid(r) && len(r.body) == 300<<10 }},
	{awstest.Fault{Kind: awstest.EndlessChunks}, func(r reply) bool { return len(r.body) == 400<<10 }},
	{awstest.Fault{Kind: awstest.HeaderFlood}, contains("exceeded")},
	{awstest.Fault{Kind: awstest.Drip, Delay: 50 * time.Millisecond}, func(r reply) bool { return errors.Is(r.bodyErr, context.DeadlineExceeded) && len(r.body) > 1 }},
	{awstest.Fault{Kind: awstest.DateSkew, Skew: 3 * time.Hour}, func(r reply) bool {
		d, err := http.ParseTime(r.header.Get("Date"))
		return err == nil && valid(r) && time.Until(d) > 2*time.Hour
	}},
	{awstest.Fault{Kind: awstest.WrongCA}, func(r reply) bool { var e x509.UnknownAuthorityError; return errors.As(r.err, &e) }},
	{awstest.Fault{Kind: awstest.ExpiredCert}, func(r reply) bool {
		var e x509.CertificateInvalidError
		return errors.As(r.err, &e) && e.Reason == x509.Expired
	}},
	{awstest.Fault{Kind: awstest.WrongHost}, func(r reply) bool { var e x509.HostnameError; return errors.As(r.err, &e) }},
	{awstest.Fault{Kind: awstest.OldTLS}, contains("protocol version")},
	{awstest.Fault{Kind: awstest.RefuseConnect}, contains("Forbidden")},
	{awstest.Fault{Kind: awstest.SilentConnect}, late},
	{awstest.Fault{Kind: awstest.Down}, contains("refused")},
}

func TestKinds(t *testing.T) {
	for _, c := range kindCases {
		t.Run(string(c.fault.Kind), func(t *testing.T) {
			t.Parallel()
			a := start(t, awstest.Options{})
			a.Fail(awstest.ListAccounts, c.fault)
			limit := testLimit
			switch c.fault.Kind {
			case awstest.Hang, awstest.SilentConnect, awstest.Drip:
				limit = 300 * time.Millisecond
			}
			r := request(t, a, limit)
			for ; !c.is(r) && limit < testLimit; limit *= 2 { // on a busy machine, the connection takes longer
				r = request(t, a, limit)
			}
			if !c.is(r) {
				t.Fatalf("status %d, %d bytes %.200q, %v, %v", r.status, len(r.body), r.body, r.err, r.bodyErr)
			}
			a.ClearFaults()
			if r := request(t, a, testLimit); !valid(r) || r.status != 200 {
				t.Fatalf("after ClearFaults: %d, %v", r.status, r.err)
			}
		})
	}
}

func TestFaultsApplyInOrder(t *testing.T) {
	a := start(t, awstest.Options{})
	a.Fail(awstest.Portal, awstest.Fault{Status: 500, Times: 2})
	a.Fail(awstest.ListAccounts, awstest.Fault{Kind: awstest.Throttle, Times: 1})
	a.Fail(awstest.OIDC, awstest.Fault{Status: 418})
	a.Fail(awstest.ListAccounts, awstest.Fault{Status: 418, Host: "portal.sso.us-east-1.amazonaws.com"})
	for i, want := range []int{500, 500, 429, 200, 200} {
		if r := request(t, a, testLimit); r.status != want {
			t.Errorf("call %d: %d, want %d", i, r.status, want)
		}
	}
	if log := a.Log(); log[2].Fault != awstest.Throttle || log[3].Fault != "" || log[0].Status != 500 {
		t.Errorf("log %+v", log)
	}
}

func TestLostResponseUsesRefreshToken(t *testing.T) {
	a := start(t, awstest.Options{})
	s := a.SignIn(startURL, region, true)
	post := func() (*http.Response, error) {
		text := must(json.Marshal(map[string]string{"clientId": s.ClientID, "clientSecret": s.ClientSecret, "grantType": "refresh_token", "refreshToken": s.RefreshToken}))
		r := must(http.NewRequest("POST", "https://oidc.eu-west-1.amazonaws.com/token", bytes.NewReader(text)))
		r.Header.Set("Content-Type", "application/json")
		return a.Transport().RoundTrip(r)
	}
	a.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.Reset, Times: 1})
	a.Fail(awstest.CreateToken, awstest.Fault{Kind: awstest.LateReset, Times: 1})
	for range 2 {
		if _, err := post(); err == nil {
			t.Fatal("the request succeeded")
		}
	}
	if resp := must(post()); resp.StatusCode != 400 {
		t.Fatalf("the refresh token of the lost response is still valid: %d", resp.StatusCode)
	}
}

func TestDroppedConnectionIsClosedWhileIdle(t *testing.T) {
	a := start(t, awstest.Options{})
	tr := a.Transport()
	s := a.SignIn(startURL, region, true)
	c := sso.NewFromConfig(config(t, a), func(o *sso.Options) { o.HTTPClient = &http.Client{Transport: tr} })
	for range 2 {
		must(c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &s.AccessToken}))
	}
	if n := len(a.Connections()); n != 1 {
		t.Fatalf("%d connections for two calls", n)
	}
	a.Fail(awstest.Portal, awstest.Fault{Kind: awstest.DropConnection})
	time.Sleep(50 * time.Millisecond) // the reset must reach the client's pool
	must(c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &s.AccessToken}))
	if n := len(a.Connections()); n != 2 {
		t.Fatalf("%d connections", n)
	}
}

func TestProxyRefusesOtherHosts(t *testing.T) {
	a := start(t, awstest.Options{})
	for _, url := range []string{"https://example.com/", "https://oidc.eu-west-1.amazonaws.com:8443/", "https://oidc.cn-north-1.amazonaws.com/",
		"https://1234.dkr.ecr.eu-west-1.amazonaws.com/", "https://xoidc.eu-west-1.amazonaws.com/"} {
		if _, err := a.Transport().RoundTrip(must(http.NewRequest("GET", url, nil))); err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if c := a.Connections(); len(c) != 5 || c[0].Accepted || c[0].Host != "example.com:443" {
		t.Errorf("%+v", c)
	}
}

func TestProxyRequiresItsPassword(t *testing.T) {
	a := start(t, awstest.Options{ProxyUser: "me:secret"})
	if r := request(t, a, testLimit); r.status != 200 {
		t.Fatal(r.err)
	}
	tr := a.Transport()
	tr.Proxy = http.ProxyURL(must(http.NewRequest("GET", strings.Replace(a.ProxyURL(), "secret", "wrong", 1), nil)).URL)
	if _, err := tr.RoundTrip(must(http.NewRequest("GET", accountsURL, nil))); err == nil || !strings.Contains(err.Error(), "Proxy Authentication Required") {
		t.Fatal(err)
	}
}

func TestFaultsApplyToLoopbackEndpoints(t *testing.T) {
	a := start(t, awstest.Options{})
	url := a.URL(awstest.Portal) + "/assignment/accounts"
	tr := a.Transport()
	tr.DisableKeepAlives = true
	get := func() (*http.Response, error) { return tr.RoundTrip(must(http.NewRequest("GET", url, nil))) }
	if resp := must(get()); resp.StatusCode != 401 {
		t.Fatal(resp.Status)
	}
	a.Fail(awstest.Portal, awstest.Fault{Kind: awstest.RefuseConnect, Times: 1})
	a.Fail(awstest.Portal, awstest.Fault{Kind: awstest.Reset, Times: 1})
	for range 2 {
		var op *net.OpError
		if _, err := get(); !errors.As(err, &op) && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	if resp := must(get()); resp.StatusCode != 401 {
		t.Fatal(resp.Status)
	}
}
