package awstest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// tamper changes a request after signing.
type tamper struct {
	http.RoundTripper
	change func(*http.Request)
}

func (t tamper) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	t.change(r)
	return t.RoundTripper.RoundTrip(r)
}

func TestSignatureIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   string
	}{
		"untouched":              {func(*http.Request) {}, ""},
		"no signature":           {func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationTokenException"},
		"no AWS signature":       {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "IncompleteSignatureException"},
		"another signature":      {func(r *http.Request) { edit(r, "Signature=", "Signature=0") }, "IncompleteSignatureException"},
		"flipped signature":      {func(r *http.Request) { flip(r) }, "InvalidSignatureException"},
		"another body":           {func(r *http.Request) { body(r, `{"registryIds":["111111111111"]}`) }, "InvalidSignatureException"},
		"another region's scope": {func(r *http.Request) { edit(r, "/eu-west-1/", "/us-east-1/") }, "InvalidSignatureException"},
		"another service":        {func(r *http.Request) { edit(r, "/ecr/", "/sts/") }, "InvalidSignatureException"},
		"unknown key":            {func(r *http.Request) { edit(r, "Credential=ASIA", "Credential=ASIB") }, "UnrecognizedClientException"},
		"another session token":  {func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, "UnrecognizedClientException"},
		"no session token":       {func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") }, "UnrecognizedClientException"},
		"another date":           {func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") }, "InvalidSignatureException"},
		"host not signed":        {func(r *http.Request) { edit(r, ";host;", ";") }, "InvalidSignatureException"},
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, awstest.Options{})
			cfg := roleConfig(t, a)
			cfg.HTTPClient = &http.Client{Transport: tamper{a.Transport(), c.change}}
			_, err := ecr.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
			if code(err) != c.want || c.want == "" && err != nil {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

func edit(r *http.Request, old, repl string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, repl, 1))
}

func flip(r *http.Request) {
	h := r.Header.Get("Authorization")
	last := byte('0')
	if h[len(h)-1] == last {
		last = '1'
	}
	r.Header.Set("Authorization", h[:len(h)-1]+string(last))
}

func body(r *http.Request, text string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
}

func TestClockAndExpiryOfCredentials(t *testing.T) {
	a := start(t, awstest.Options{})
	cfg := roleConfig(t, a)
	get := func() string {
		_, err := ecr.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
		if err != nil && code(err) == "" {
			t.Fatal(err)
		}
		return code(err)
	}
	for _, c := range []struct {
		off  time.Duration
		want string
	}{{0, ""}, {4 * time.Minute, ""}, {-4 * time.Minute, ""}, {6 * time.Minute, "InvalidSignatureException"}, {-6 * time.Minute, "InvalidSignatureException"}} {
		a.Advance(c.off)
		if got := get(); got != c.want {
			t.Errorf("clock skew %v: %q, want %q", c.off, got, c.want)
		}
		a.Advance(-c.off)
	}
	a.ExpireKeys()
	if got := get(); got != "ExpiredTokenException" {
		t.Errorf("expired credentials: %q", got)
	}
}

func TestECRAndECRPublicTokens(t *testing.T) {
	a := start(t, awstest.Options{})
	cfg := roleConfig(t, a)
	out := must(ecr.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}))
	d := out.AuthorizationData[0]
	if *d.ProxyEndpoint != "https://444455556666.dkr.ecr.eu-west-1.amazonaws.com" {
		t.Error(*d.ProxyEndpoint)
	}
	if left := time.Until(*d.ExpiresAt); left < 12*time.Hour-time.Minute || left > 12*time.Hour {
		t.Errorf("%v left", left)
	}
	pw := password(t, cfg)
	if len(pw) < 2300 || len(pw) > 2700 {
		t.Errorf("password of %d bytes", len(pw))
	}
	cfg.Region = "us-east-1"
	public := must(ecrpublic.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecrpublic.GetAuthorizationTokenInput{}))
	if public.AuthorizationData == nil || public.AuthorizationData.AuthorizationToken == nil {
		t.Error("no public token")
	}
	a.DenyECR(acct)
	if _, err := ecr.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{}); code(err) != "AccessDeniedException" {
		t.Error(err)
	}
}

func TestFIPSAndDualStackNames(t *testing.T) {
	a := start(t, awstest.Options{})
	for _, c := range []struct{ fips, dual bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		cfg := roleConfig(t, a)
		_, err := ecr.NewFromConfig(cfg, func(o *ecr.Options) {
			if c.fips {
				o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
			}
			if c.dual {
				o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
			}
		}).GetAuthorizationToken(t.Context(), &ecr.GetAuthorizationTokenInput{})
		if err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSTS(t *testing.T) {
	a := start(t, awstest.Options{})
	cfg := roleConfig(t, a)
	c := sts.NewFromConfig(cfg)
	if caller := must(c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})); *caller.Account != acct {
		t.Error(*caller.Account)
	}
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::444455556666:role/Admin"), RoleSessionName: aws.String("s"), DurationSeconds: aws.Int32(900)}
	out := must(c.AssumeRole(t.Context(), in))
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	password(t, cfg)
	in.RoleArn = aws.String("arn:aws:iam::444455556666:role/Nope")
	if _, err := c.AssumeRole(t.Context(), in); code(err) != "AccessDenied" {
		t.Error(err)
	}
	web := &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("arn:aws:iam::444455556666:role/Admin"), RoleSessionName: aws.String("s"), WebIdentityToken: aws.String(a.AddWebIdentity())}
	must(c.AssumeRoleWithWebIdentity(t.Context(), web))
	web.WebIdentityToken = aws.String("forged")
	if _, err := c.AssumeRoleWithWebIdentity(t.Context(), web); code(err) != "InvalidIdentityToken" {
		t.Error(err)
	}
	k := a.AddKeys("111122223333")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(k.AccessKeyID, "wrong", "")
	if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); code(err) != "SignatureDoesNotMatch" {
		t.Error(err)
	}
	cfg.Credentials = credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, "")
	must(sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))
}

func TestLogContainsNoSecret(t *testing.T) {
	a := start(t, awstest.Options{})
	password(t, roleConfig(t, a))
	log := must(json.Marshal(a.Log()))
	if len(a.Secrets()) < 6 {
		t.Fatalf("%d secrets", len(a.Secrets()))
	}
	for _, s := range a.Secrets() {
		if bytes.Contains(log, []byte(s)) {
			t.Fatal("a secret in the call log")
		}
	}
}
