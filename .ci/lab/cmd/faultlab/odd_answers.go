//go:build linux

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// oddAnswers: F-net-5 and 6: well-formed responses with one wrong value.
func oddAnswers() []fault {
	ecr := func(id, what string, w want, change func(token map[string]any)) fault {
		return fault{id: "ecr-" + id, family: "F-net-5", what: "ECR's response: " + what, want: w, quick: true, set: func(s *stage) {
			s.fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Rewrite, Rewrite: rewriteToken(change)})
		}}
	}
	put := func(key string, value any) func(map[string]any) { return func(t map[string]any) { t[key] = value } }
	token := func(text string) func(map[string]any) {
		return put("authorizationToken", base64.StdEncoding.EncodeToString([]byte(text)))
	}
	bad := refusal(`api\.ecr\.us-east-1`, "")
	endpoint := func(id, what string, change func(map[string]any)) fault {
		f := ecr("endpoint-"+id, what, is(answered), change)
		f.family, f.after = "F-net-6", cachedAgain
		return f
	}
	return append([]fault{
		ecr("no-token", "without a token", bad, func(t map[string]any) { delete(t, "authorizationToken") }),
		ecr("null-token", "a null token", bad, put("authorizationToken", nil)),
		ecr("bad-base64", "a token that is not base64", bad, put("authorizationToken", "!!!not base64!!!")),
		ecr("no-colon", "a token without a colon", bad, token("AWSpassword")),
		ecr("empty-password", "an empty password", bad, token("AWS:")),
		ecr("no-user", "no user name", bad, token(":password")),
		ecr("nul", "a NUL in the password", bad, token("AWS:pass\x00word")),
		ecr("line-break", "a line break in the password", bad, token("AWS:pass\nword")),
		longPassword(),
		ecr("expiry-text", "an expiry that is a word", bad, put("expiresAt", "tomorrow")),
		ecr("expiry-past", "an expiry in the past", bad, put("expiresAt", 1_000_000_000)),
		ecr("expiry-huge", "an expiry of 1e300", want{ending: either, cause: "ecr", next: "docker-credential-ecr-sso "}, put("expiresAt", json.Number("1e300"))),
		ecr("expiry-ms", "an expiry in milliseconds", want{ending: either, cause: "ecr", next: "docker-credential-ecr-sso "}, func(t map[string]any) {
			t["expiresAt"] = time.Now().Add(12 * time.Hour).UnixMilli()
		}),
		ecr("no-expiry", "no expiry", want{ending: either, cause: "ecr", next: "docker-credential-ecr-sso "}, func(t map[string]any) { delete(t, "expiresAt") }),
		endpoint("other", "the endpoint of another account", put("proxyEndpoint", "https://999999999999.dkr.ecr.us-east-1.amazonaws.com")),
		endpoint("evil", "an endpoint that is not an ECR host", put("proxyEndpoint", "https://evil.example")),
		endpoint("none", "no endpoint", func(t map[string]any) { delete(t, "proxyEndpoint") }),
		endpoint("null", "a null endpoint", put("proxyEndpoint", nil)),
	}, oddPortal()...)
}

// longPassword returns a fault with an unusual but valid password. The helper may return
// it but must not cache it.
func longPassword() fault {
	word := strings.Repeat("x", 200_000)
	return fault{id: "ecr-long-password", family: "F-net-5", what: "ECR's response: a password of 200,000 bytes", quick: true,
		want: want{ending: either, cause: "ecr"}, set: func(s *stage) {
			s.canary = append(s.canary, word)
			s.fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Rewrite, Rewrite: rewriteToken(func(t map[string]any) {
				t["authorizationToken"] = base64.StdEncoding.EncodeToString([]byte("AWS:" + word))
			})})
		}}
}

// oddPortal returns the same kind of faults for role credentials and for error messages
// from servers.
func oddPortal() []fault {
	role := func(id, what string, w want, from, to string) fault {
		return fault{id: "portal-" + id, family: "F-net-5", what: "the portal's response: " + what, want: w, quick: true, set: func(s *stage) {
			s.fail(awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.Rewrite, Rewrite: func(b []byte) []byte {
				return regexp.MustCompile(from).ReplaceAll(b, []byte(to))
			}})
		}}
	}
	bad := refusal(`portal\.sso`, "")
	words := func(id string, op awstest.Op, status int, message string) fault {
		return fault{id: id, family: "F-net-5", what: "an error message has escape sequences, line breaks and direction marks", quick: true,
			want: refusal("amazonaws", ""), set: func(s *stage) {
				s.fail(op, awstest.Fault{Kind: awstest.Status, Status: status, Code: "OddException", Message: message})
			}}
	}
	hostile := "\x1b]0;gotcha\x07 \x1b[2J\u202eevil\u2066\r\nsecond line\nDone\u009b31m " + string(bytes.Repeat([]byte("long "), 2000))
	return []fault{
		role("no-key", "no access key id", bad, `"accessKeyId":"[^"]*"`, `"other":"x"`),
		role("empty-secret", "an empty secret", bad, `"secretAccessKey":"[^"]*"`, `"secretAccessKey":""`),
		role("no-session", "no session token", want{ending: either, cause: "portal|refuse|invalid|token", next: "docker-credential-ecr-sso "}, `"sessionToken":"[^"]*"`, `"sessionToken":null`),
		role("expiry-seconds", "an expiry in seconds instead of milliseconds", bad, `"expiration":(\d{10})\d{3}`, `"expiration":$1`),
		role("expiry-text", "an expiry that is a word", bad, `"expiration":\d+`, `"expiration":"soon"`),
		role("expiry-float", "an expiry with a fraction", want{ending: either, cause: "portal", next: "docker-credential-ecr-sso "}, `"expiration":(\d+)`, `"expiration":$1.5`),
		role("key-line-break", "a line break in the access key id", bad, `"accessKeyId":"`, `"accessKeyId":"A\r\nX-Evil: 1`),
		words("portal-hostile-words", awstest.GetRoleCredentials, 418, hostile),
		words("ecr-hostile-words", awstest.GetAuthorizationToken, 418, hostile),
	}
}

// rewriteToken changes the authorization in ECR's response.
func rewriteToken(change func(map[string]any)) func([]byte) []byte {
	return func(body []byte) []byte {
		var v struct {
			Data []map[string]any `json:"authorizationData"`
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if d.Decode(&v) != nil || len(v.Data) != 1 {
			return body
		}
		change(v.Data[0])
		out, err := json.Marshal(map[string]any{"authorizationData": v.Data})
		if err != nil {
			return body
		}
		return out
	}
}
