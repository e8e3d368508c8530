package awsclient

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

func TestAuthorizationToken(t *testing.T) {
	hosts := map[string]string{
		hostname:                                              ecrHost,
		"public.ecr.aws":                                      "api.ecr-public.us-east-1.amazonaws.com",
		account + ".dkr-ecr.eu-central-1.on.aws":              "ecr.eu-central-1.api.aws",
		account + ".dkr-ecr-fips.us-west-2.on.aws":            "ecr-fips.us-west-2.api.aws",
		account + ".dkr.ecr-fips.us-gov-west-1.amazonaws.com": "api.ecr-fips.us-gov-west-1.amazonaws.com",
		account + ".dkr.ecr.cn-north-1.amazonaws.com.cn":      "api.ecr.cn-north-1.amazonaws.com.cn",
		account + ".dkr.ecr.eusc-de-east-1.amazonaws.eu":      "api.ecr.eusc-de-east-1.amazonaws.eu",
		account + ".dkr-ecr.us-east-1.on.aws":                 "ecr.us-east-1.api.aws",
		"ecr-public.aws.com":                                  "ecr-public.us-east-1.api.aws",
		"210987654321.dkr.ecr.eu-north-1.amazonaws.com":       "api.ecr.eu-north-1.amazonaws.com",
	}
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	for host, api := range hosts {
		t.Run(host, func(t *testing.T) {
			reg, err := registry.Parse(host)
			if err != nil {
				t.Fatal(err)
			}
			w.ResetLog()
			a, err := c.AuthorizationToken(t.Context(), reg, w.keys())
			if err != nil {
				t.Fatal(err)
			}
			if a.Username != "AWS" || a.Password.Empty() || time.Until(a.ExpiresAt).Round(time.Minute) != 12*time.Hour {
				t.Errorf("got %+v", a)
			}
			if log := w.Log(); len(log) != 1 || log[0].Host != api {
				t.Errorf("calls %+v, want one at %s", log, api)
			}
			if e, _ := c.Endpoint(reg); e != "https://"+api {
				t.Errorf("endpoint %s", e)
			}
		})
	}
}

// Changes to ECR's response.
func replaced(pattern, with string) func([]byte) []byte {
	re := regexp.MustCompile(pattern)
	return func(b []byte) []byte { return re.ReplaceAll(b, []byte(with)) }
}

func withToken(s string) func([]byte) []byte {
	return replaced(`"authorizationToken":"[^"]*"`, `"authorizationToken":"`+base64.StdEncoding.EncodeToString([]byte(s))+`"`)
}

func expires(s string) func([]byte) []byte { return replaced(`"expiresAt":[0-9.]+`, s) }

func expiresIn(d time.Duration) func([]byte) []byte {
	return expires(fmt.Sprintf(`"expiresAt":%d`, time.Now().Add(d).Unix()))
}

// ecrAnswers are the test cases of TestECRResponses.
var ecrAnswers = []struct {
	name    string
	rewrite func([]byte) []byte
	kind    Kind // Other: no error
}{
	{"password with colons", withToken("AWS:a:b:c"), Other},
	{"another account's proxyEndpoint", replaced(`"proxyEndpoint":"[^"]*"`, `"proxyEndpoint":"https://evil.example"`), Other},
	{"no proxyEndpoint", replaced(`,"proxyEndpoint":"[^"]*"`, ``), Other},
	{"two entries", replaced(`\[(.*)\]`, `[$1,$1]`), Other},
	{"date without fraction", expiresIn(time.Hour), Other},
	{"no entries", replaced(`\[.*\]`, `[]`), Empty},
	{"another user", withToken("root:password"), BadResponse},
	{"no colon", withToken("AWS"), BadResponse},
	{"no password", withToken("AWS:"), BadResponse},
	{"NUL in the password", withToken("AWS:pass\x00word"), BadResponse},
	{"line break in the password", withToken("AWS:pass\nword"), BadResponse},
	{"DEL in the password", withToken("AWS:pass\x7fword"), BadResponse},
	{"invalid UTF-8 in the password", withToken("AWS:pass\xffword"), BadResponse},
	{"bad base64", replaced(`"authorizationToken":"[^"]*"`, `"authorizationToken":"!!!"`), BadResponse},
	{"token is a number", replaced(`"authorizationToken":"[^"]*"`, `"authorizationToken":1`), BadResponse},
	{"no date", replaced(`"expiresAt":[0-9.]+,`, ``), BadResponse},
	{"date in milliseconds", expires(fmt.Sprintf(`"expiresAt":%d`, time.Now().Add(time.Hour).UnixMilli())), BadResponse},
	{"date in words", expires(`"expiresAt":"tomorrow"`), BadResponse},
	{"date in the past", expiresIn(-time.Minute), BadResponse},
	{"date in 14 hours", expiresIn(14 * time.Hour), BadResponse},
	{"date 0", expires(`"expiresAt":0`), BadResponse},
	{"cut JSON", func(b []byte) []byte { return b[:len(b)/2] }, BadResponse},
	{"not JSON", func([]byte) []byte { return []byte("OK") }, BadResponse},
	{"array", func([]byte) []byte { return []byte("[]") }, BadResponse},
	{"deep nesting", func([]byte) []byte { return bytes.Repeat([]byte("["), 100_000) }, BadResponse},
}

func TestECRResponses(t *testing.T) {
	for _, tt := range ecrAnswers {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{})
			w.Fail(awstest.ECR, awstest.Fault{Kind: awstest.Rewrite, Rewrite: tt.rewrite})
			err := w.authorize(w.client(t))
			if tt.kind == Other {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if f := faultOf(t, err); f.Kind != tt.kind {
				t.Errorf("kind %d, want %d: %v (%v)", f.Kind, tt.kind, f, f.Err)
			}
			if n := w.Calls(awstest.ECR); n != 1 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

func FuzzDecodeToken(f *testing.F) {
	for _, s := range []string{"AWS:password", "AWS:a:b", "AWS:", "AWS", ":x", "", "AWS:\x00", "AWS:\xff", "aws:x"} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(s)), int64(1795436985))
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, token string, expires int64) {
		at := time.Unix(expires, 0)
		a, err := decodeToken(&token, &at)
		if err != nil {
			if a != (Authorization{}) {
				t.Error("both an error and a partial result")
			}
			return
		}
		p := a.Password.Reveal()
		if a.Username != "AWS" || p == "" || strings.ContainsAny(p, "\r\n\x00") || !utf8.ValidString(p) {
			t.Errorf("accepted %q", token)
		}
		// Nothing is lost: encoding the result returns the input.
		if again := base64.StdEncoding.EncodeToString([]byte("AWS:" + p)); again != strings.NewReplacer("\r", "", "\n", "").Replace(token) {
			t.Errorf("%q became %q", token, again)
		}
	})
}

// AWS's endpoint rules and its older tables have different names for the FIPS endpoint. The
// one that can be resolved is used.
func TestFIPSEndpointNames(t *testing.T) {
	const rules, tables = "api.ecr-fips.eu-west-1.amazonaws.com", "ecr-fips.eu-west-1.amazonaws.com"
	unknown := func(w *world, hosts ...string) {
		for _, host := range hosts {
			w.Fail(awstest.ECR, awstest.Fault{Kind: awstest.RefuseConnect, Status: 502, Host: host})
		}
	}
	for name, tt := range map[string]struct {
		unknown []string
		change  func(*world)
		host    string // host that responds; "": error
		text    string
	}{
		"both resolve":      {host: rules},
		"rules' does not":   {unknown: []string{rules}, host: tables},
		"neither does":      {unknown: []string{rules, tables}, text: "refused the connection to " + rules + " (502)"},
		"setting names it":  {unknown: []string{rules}, change: func(w *world) { w.env = append(w.env, "AWS_ENDPOINT_URL_ECR=https://"+rules+"/") }, text: rules},
		"second one denies": {unknown: []string{rules}, change: func(w *world) { w.DenyECR(account) }, text: tables + " returned 400 AccessDeniedException"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			unknown(w, tt.unknown...)
			if tt.change != nil {
				tt.change(w)
			}
			var err error
			if w.reg, err = registry.Parse(account + ".dkr.ecr-fips.eu-west-1.amazonaws.com"); err != nil {
				t.Fatal(err)
			}
			c := w.client(t)
			c.Open(t.Context(), w.reg)
			err = w.authorize(c)
			if tt.host == "" {
				if f := faultOf(t, err); !strings.Contains(f.Error(), tt.text) {
					t.Errorf("text %v", f)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			log := w.Log()
			if last := log[len(log)-1]; last.Host != tt.host {
				t.Errorf("called %s, want %s", last.Host, tt.host)
			}
			if _, err := c.Reach(t.Context(), "https://"+rules); err != nil {
				t.Errorf("doctor: %v", err)
			}
		})
	}
}

// A wrong clock requires one more call, only once.
func TestWrongClockSignsWithServerTime(t *testing.T) {
	for _, off := range []time.Duration{-10 * time.Minute, 10 * time.Minute, -26 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			// The SDK's signer uses the computer's clock, so the test changes the service's
			// clock.
			w := newWorld(t, awstest.Options{})
			w.Advance(-off)
			c := w.client(t)
			for calls := 2; calls <= 3; calls++ {
				a, err := c.AuthorizationToken(t.Context(), w.reg, w.keys())
				if err != nil {
					t.Fatal(err)
				}
				if n := w.Calls(awstest.GetAuthorizationToken); n != calls {
					t.Errorf("%d calls, want %d", n, calls)
				}
				// According to our clock, it is never valid longer than the token.
				if left := time.Until(a.ExpiresAt); left > 12*time.Hour+2*time.Second {
					t.Errorf("valid for %s", left)
				}
			}
		})
	}
	w := newWorld(t, awstest.Options{})
	w.Advance(3 * time.Minute) // AWS accepts this difference
	if err := w.authorize(w.client(t)); err != nil || w.Calls(awstest.GetAuthorizationToken) != 1 {
		t.Errorf("%v after %d calls", err, w.Calls(awstest.GetAuthorizationToken))
	}
}
