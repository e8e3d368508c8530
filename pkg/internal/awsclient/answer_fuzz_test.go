package awsclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// A response yields either a complete value that it contains, or no value and a Fault that
// can be displayed and contains no secret from the response.

// canned returns the same response to all requests, without a network.
type canned struct {
	status      int
	contentType string
	body        []byte
}

func (c *canned) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: c.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {c.contentType}}, Body: io.NopCloser(bytes.NewReader(c.body)),
	}, nil
}

// noon is the time of the fuzzed client, so that the dates in the seeds stay valid.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func cannedClient(f *testing.F) (*Client, *canned) {
	f.Helper()
	answers := &canned{}
	c, err := New(Options{Env: env.FromMap(nil), Transport: answers, Now: func() time.Time { return noon }, Phase: time.Minute})
	if err != nil {
		f.Fatal(err)
	}
	c.link.sleep = func(context.Context, time.Duration) error { return nil }
	return c, answers
}

// seeds adds responses from each service: valid ones, errors, and pages from outside AWS.
func seeds(f *testing.F, good string) {
	f.Helper()
	const plain = "application/json"
	for _, s := range []struct {
		status      int
		contentType string
		body        string
	}{
		{200, plain, good}, {200, "", good}, {200, "text/plain", good}, {200, plain, good[:len(good)/2]}, {200, plain, good + good}, {200, plain, "null"},
		{200, plain, "{}"}, {200, plain, "[]"}, {200, plain, ""}, {200, "text/html", "<!DOCTYPE html><title>Sign in to the WiFi</title>"},
		{302, "text/html", ""}, {400, plain, `{"error":"invalid_grant","error_description":"\u001b]0;x\u0007 no"}`}, {401, plain, `{"message":"Session token not found or invalid"}`},
		{403, plain, `{"__type":"x#ForbiddenException","Message":"\u202eno"}`}, {429, plain, `{}`}, {500, "text/html", "<h1>502</h1>"}, {503, plain, good},
		{400, plain, `{"__type":"ThrottlingException","message":"Rate exceeded"}`}, {204, plain, ""}, {999, plain, good},
	} {
		f.Add(s.status, s.contentType, []byte(s.body))
		f.Add(s.status|2<<10, s.contentType, []byte(s.body))
		f.Add(s.status|3<<10, s.contentType, []byte(s.body))
	}
}

// fit checks that an error is a Fault that can be displayed and contains none of the
// secrets.
func fit(t *testing.T, err error, body []byte, secrets ...string) {
	t.Helper()
	var fault *Fault
	if !errors.As(err, &fault) {
		t.Fatalf("not a *Fault: %T", err)
	}
	text := err.Error()
	if hint.Clean(text, 2000) != text || strings.ContainsAny(text, "\r\n") {
		t.Fatalf("not safe for a terminal: %q", text)
	}
	for _, key := range secrets {
		if v := at(body, key); len(v) >= 12 && strings.Contains(text, v) && !strings.Contains(words(body), v) {
			t.Fatalf("the error contains %s: %q", key, text)
		}
	}
}

// at extracts a text from a response without our code: "a.b" is b in a, "0" is the first
// element of a list.
func at(body []byte, path string) string {
	var v any
	if decode(body, &v) != nil {
		return ""
	}
	for key := range strings.SplitSeq(path, ".") {
		if list, ok := v.([]any); ok && key == "0" && len(list) > 0 {
			v = list[0]
			continue
		}
		m, _ := v.(map[string]any)
		v = m[key]
	}
	s, _ := v.(string)
	return s
}

// decode parses the first value of a response, with numbers of any size.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return d.Decode(v)
}

// words returns the texts in a response that an error may repeat.
func words(body []byte) string {
	var m map[string]any
	_ = decode(body, &m)
	var b strings.Builder
	for key, v := range m {
		switch strings.ToLower(key) {
		case "__type", "code", "error", "error_description", "reason", "message":
			s, _ := v.(string)
			b.WriteString(s + "\n")
		}
	}
	return b.String()
}

func FuzzOIDCAnswer(f *testing.F) {
	c, answers := cannedClient(f)
	seeds(f, `{"accessToken":"an-access-token-of-the-service","refreshToken":"its-refresh-token","expiresIn":28800,"tokenType":"Bearer",`+
		`"clientId":"the-client","clientSecret":"the-clients-secret","clientSecretExpiresAt":1803555720,`+
		`"deviceCode":"the-device-code","userCode":"ABCD-EFGH","verificationUri":"https://device.sso.eu-west-1.amazonaws.com/","interval":5}`)
	token := awscache.Token{ClientID: "c", ClientSecret: secret.New("s"), RefreshToken: secret.New("r")}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		*answers = canned{status & 1023, contentType, body}
		switch status >> 10 & 3 { // one call per input, for speed
		case 0, 1:
			g, err := c.Refresh(t.Context(), region, token)
			if err != nil {
				if g != (awscache.Grant{}) {
					t.Fatal("both an error and a grant")
				}
				fit(t, err, body, "accessToken", "refreshToken")
			} else if access := g.AccessToken.Reveal(); access == "" || access != at(body, "accessToken") || g.RefreshToken.Reveal() != at(body, "refreshToken") ||
				g.ExpiresIn <= 0 || g.ExpiresIn > maxExpiresIn || !printable(access+g.RefreshToken.Reveal()) || answers.status/100 != 2 {
				t.Fatalf("a grant of %v from %d %q", g.ExpiresIn, answers.status, body)
			}
		case 2:
			r, err := c.RegisterClient(t.Context(), region, RegisterInput{ClientName: "n"})
			if err != nil {
				if r != (Registration{}) {
					t.Fatal("both an error and a registration")
				}
				fit(t, err, body, "clientSecret")
			} else if r.ClientID != at(body, "clientId") || r.ClientSecret.Reveal() != at(body, "clientSecret") || r.ClientSecret.Empty() || r.ClientID == "" {
				t.Fatalf("a registration from %q", body)
			}
		case 3:
			d, err := c.StartDevice(t.Context(), region, Registration{}, startURL)
			if err != nil {
				if d != (Device{}) {
					t.Fatal("both an error and a device code")
				}
				fit(t, err, body, "deviceCode")
			} else if d.DeviceCode.Reveal() != at(body, "deviceCode") || d.DeviceCode.Empty() || d.UserCode == "" || d.VerificationURI == "" || d.Interval < 0 || d.ExpiresIn < 0 {
				t.Fatalf("a device code from %q", body)
			}
		}
	})
}

func FuzzPortalAnswer(f *testing.F) {
	c, answers := cannedClient(f)
	seeds(f, `{"roleCredentials":{"accessKeyId":"ASIAEXAMPLE","secretAccessKey":"the-roles-secret-key","sessionToken":"the-roles-session-token","expiration":1795700000000}}`)
	sso := awsconfig.SSO{Session: "corp", StartURL: startURL, SSORegion: region, Account: account, Role: role}
	token := awscache.Token{AccessToken: secret.New("a"), ExpiresAt: noon.Add(time.Hour)}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		*answers = canned{status & 1023, contentType, body}
		got, err := c.RoleCredentials(t.Context(), sso, "", token)
		if err != nil {
			if got != (awscache.Credentials{}) {
				t.Fatal("both an error and credentials")
			}
			fit(t, err, body, "roleCredentials.secretAccessKey", "roleCredentials.sessionToken")
			return
		}
		if got.AccessKeyID != at(body, "roleCredentials.accessKeyId") || got.SecretAccessKey.Reveal() != at(body, "roleCredentials.secretAccessKey") ||
			got.SessionToken.Reveal() != at(body, "roleCredentials.sessionToken") || got.SecretAccessKey.Empty() || !got.Expiration.After(noon) || answers.status/100 != 2 {
			t.Fatalf("credentials until %v from %d %q", got.Expiration, answers.status, body)
		}
	})
}

func FuzzECRAnswer(f *testing.F) {
	c, answers := cannedClient(f)
	login := base64.StdEncoding.EncodeToString([]byte("AWS:a-password-of-ecr"))
	seeds(f, `{"authorizationData":[{"authorizationToken":"`+login+`","expiresAt":1.795738320123E9,"proxyEndpoint":"https://123456789012.dkr.ecr.eu-west-1.amazonaws.com"}]}`)
	seeds(f, `{"authorizationData":{"authorizationToken":"`+login+`","expiresAt":1795738320}}`)
	private, err := registry.Parse(hostname)
	if err != nil {
		f.Fatal(err)
	}
	public, err := registry.Parse("public.ecr.aws")
	if err != nil {
		f.Fatal(err)
	}
	keys := awscache.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: secret.New("s")}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		*answers = canned{status & 1023, contentType, body}
		path, reg := "authorizationData.0.authorizationToken", private
		if status>>10&2 > 0 { // one call per input, for speed
			path, reg = "authorizationData.authorizationToken", public
		}
		a, err := c.AuthorizationToken(t.Context(), reg, keys)
		if err != nil {
			if a != (Authorization{}) {
				t.Fatal("both an error and a login")
			}
			fit(t, err, body, path)
			return
		}
		want := base64.StdEncoding.EncodeToString([]byte("AWS:" + a.Password.Reveal()))
		if a.Username != "AWS" || a.Password.Empty() || strings.NewReplacer("\r", "", "\n", "").Replace(at(body, path)) != want ||
			!a.ExpiresAt.After(noon) || a.ExpiresAt.After(noon.Add(maxTTL)) || answers.status/100 != 2 {
			t.Fatalf("a login until %v from %d %q", a.ExpiresAt, answers.status, body)
		}
	})
}
