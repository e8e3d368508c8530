package awsclient

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// wireFault is a fault of a server or a proxy, and its effect on a call.
type wireFault struct {
	name  string
	op    awstest.Op
	fault awstest.Fault
	setUp func(*world) // instead of fault
	call  func(*world, *Client) error
	kind  Kind
	calls int    // calls that reach the service
	text  string // error text, or its beginning if it ends in "..."
}

const (
	oidcHost   = "oidc.eu-west-1.amazonaws.com"
	portalHost = "portal.sso.eu-west-1.amazonaws.com"
	ecrHost    = "api.ecr.eu-west-1.amazonaws.com"
)

var wireFaults = []wireFault{
	// Errors that are not retried.
	{name: "portal does not know the token", op: awstest.GetRoleCredentials, setUp: (*world).RevokeSession, call: (*world).roleCredentials,
		kind: Unauthorized, calls: 1, text: portalHost + " returned 401 UnauthorizedException: Session token not found or invalid"},
	{name: "role is not assigned", op: awstest.GetRoleCredentials, setUp: func(w *world) { w.DenyRole(account, role) }, call: (*world).roleCredentials,
		kind: Forbidden, calls: 1, text: portalHost + " returned 403 ForbiddenException: No access"},
	{name: "refresh token is spent", op: awstest.CreateToken, setUp: (*world).ExpireSession, call: (*world).refresh,
		kind: InvalidGrant, calls: 1, text: oidcHost + " returned 400 invalid_grant: Invalid refresh token provided"},
	{name: "refresh token has expired", op: awstest.CreateToken, fault: awstest.Fault{Status: 400, Code: "expired_token"}, call: (*world).refresh,
		kind: InvalidGrant, calls: 1, text: oidcHost + " returned 400 expired_token"},
	{name: "client registration has expired", op: awstest.CreateToken, setUp: (*world).ExpireClients, call: (*world).refresh,
		kind: InvalidClient, calls: 1, text: oidcHost + " returned 401 invalid_client: Client registration has expired"},
	{name: "ECR denies", op: awstest.GetAuthorizationToken, setUp: func(w *world) { w.DenyECR(account) }, call: (*world).authorize,
		kind: Denied, calls: 1, text: ecrHost + " returned 400 AccessDeniedException: User: arn:..."},
	{name: "keys expired", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Status: 400, Code: "ExpiredTokenException", Message: "The security token included in the request is expired"},
		call: (*world).authorize, kind: Expired, calls: 1, text: ecrHost + " returned 400 ExpiredTokenException: The security token included in the request is expired"},
	{name: "keys are unknown", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Status: 400, Code: "UnrecognizedClientException"},
		call: (*world).authorize, kind: Expired, calls: 1, text: ecrHost + " returned 400 UnrecognizedClientException..."},
	{name: "unknown error", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Status: 400, Code: "NovelException", Message: "what?\x1b[31m"},
		call: (*world).authorize, kind: Other, calls: 1, text: ecrHost + " returned 400 NovelException: what??[31m"},

	// Failures that may be temporary: three calls.
	{name: "ECR throttles with status 400", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.Throttle}, call: (*world).authorize,
		kind: Throttled, calls: 3, text: ecrHost + " returned 400 ThrottlingException: Rate exceeded (3 tries)"},
	{name: "portal throttles", op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.Throttle}, call: (*world).roleCredentials,
		kind: Throttled, calls: 3, text: portalHost + " returned 429 TooManyRequestsException: HTTP 429 Unknown Code (3 tries)"},
	{name: "OIDC is down", op: awstest.CreateToken, fault: awstest.Fault{Status: 500}, call: (*world).refresh,
		kind: Server, calls: 3, text: oidcHost + " returned 500 server_error (3 tries)"},
	{name: "portal is down", op: awstest.GetRoleCredentials, fault: awstest.Fault{Status: 503}, call: (*world).roleCredentials,
		kind: Server, calls: 3, text: portalHost + " returned 503..."},
	{name: "ECR is down behind a page of HTML", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Status: 502, Body: "<html>bad gateway"}, call: (*world).authorize,
		kind: Server, calls: 3, text: ecrHost + " returned 502..."},
	{name: "ECR sends Retry-After of an hour", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Status: 503, RetryAfter: "3600"}, call: (*world).authorize,
		kind: Server, calls: 1, text: ecrHost + " returned 503 ServerException"},
	{name: "ECR sends Retry-After beyond the end of the phase", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Status: 429, RetryAfter: "9"}, call: (*world).authorize,
		kind: Throttled, calls: 1, text: ecrHost + " returned 429 ServerException"},

	// Connection failures.
	{name: "ECR resets", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.Reset}, call: (*world).authorize,
		kind: Network, calls: 3, text: "the connection to " + ecrHost + " was lost (3 tries)"},
	{name: "portal cuts its answer", op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.Cut}, call: (*world).roleCredentials,
		kind: Network, calls: 3, text: "the connection to " + portalHost + " was lost (3 tries)"},
	{name: "refresh loses its connection, so the token may be used", op: awstest.CreateToken, fault: awstest.Fault{Kind: awstest.LateReset}, call: (*world).refresh,
		kind: Network, calls: 1, text: "the connection to " + oidcHost + " was lost"},
	{name: "refresh's answer is cut", op: awstest.CreateToken, fault: awstest.Fault{Kind: awstest.Cut}, call: (*world).refresh,
		kind: Network, calls: 1, text: "the connection to " + oidcHost + " was lost"},
	{name: "proxy refuses", op: awstest.ECR, fault: awstest.Fault{Kind: awstest.RefuseConnect}, call: (*world).authorize,
		kind: Network, calls: 0, text: "proxy 127.0.0.1:..."},
	{name: "proxy is down", op: awstest.Any, fault: awstest.Fault{Kind: awstest.Down}, call: (*world).refresh,
		kind: Network, calls: 0, text: "the proxy refused the connection (on the way to " + oidcHost + ") (3 tries)"},
	{name: "certificate is signed by an unknown authority", op: awstest.ECR, fault: awstest.Fault{Kind: awstest.WrongCA}, call: (*world).authorize,
		kind: TLS, calls: 0, text: "the certificate of " + ecrHost + " is signed by an unknown authority"},
	{name: "certificate has expired", op: awstest.ECR, fault: awstest.Fault{Kind: awstest.ExpiredCert}, call: (*world).authorize,
		kind: TLS, calls: 0, text: "the certificate of " + ecrHost + " is expired or not yet valid"},
	{name: "certificate is for another host", op: awstest.Portal, fault: awstest.Fault{Kind: awstest.WrongHost}, call: (*world).roleCredentials,
		kind: TLS, calls: 0, text: portalHost + " presented a certificate for another host"},
	{name: "TLS 1.0", op: awstest.ECR, fault: awstest.Fault{Kind: awstest.OldTLS}, call: (*world).authorize,
		kind: TLS, calls: 0, text: "cannot open a TLS connection to " + ecrHost + " (TLS 1.2 or newer is required)"},

	// Responses that are not from AWS or are invalid.
	{name: "captive portal's page", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.HTML}, call: (*world).authorize,
		kind: NotAWS, calls: 1, text: ecrHost + " returned HTML instead of an AWS response (captive portal or proxy?)"},
	{name: "redirect", op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.Redirect}, call: (*world).roleCredentials,
		kind: NotAWS, calls: 1, text: portalHost + " did not return an AWS response (captive portal or proxy?)"},
	{name: "redirect of a refresh", op: awstest.CreateToken, fault: awstest.Fault{Kind: awstest.Redirect}, call: (*world).refresh,
		kind: NotAWS, calls: 1, text: oidcHost + " did not return an AWS response (captive portal or proxy?)"},
	{name: "another content type", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.WrongType}, call: (*world).authorize,
		kind: NotAWS, calls: 1, text: ecrHost + " did not return an AWS response..."},
	{name: "broken JSON", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.Garbage}, call: (*world).authorize,
		kind: BadResponse, calls: 1, text: ecrHost + " returned a response that cannot be read"},
	{name: "broken JSON from the portal", op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.Garbage}, call: (*world).roleCredentials,
		kind: BadResponse, calls: 1, text: portalHost + " returned a response that cannot be read"},
	{name: "no body", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.EmptyBody}, call: (*world).authorize,
		kind: Empty, calls: 1, text: ecrHost + " returned an empty response"},
	{name: "empty object from the portal", op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.EmptyObject}, call: (*world).roleCredentials,
		kind: Empty, calls: 1, text: portalHost + " returned an empty response"},
	{name: "nulls for a refresh", op: awstest.CreateToken, fault: awstest.Fault{Kind: awstest.NullFields}, call: (*world).refresh,
		kind: Empty, calls: 1, text: oidcHost + " returned an empty response"},
	{name: "nulls from ECR", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.NullFields}, call: (*world).authorize,
		kind: Empty, calls: 1, text: ecrHost + " returned an empty response"},
	{name: "64 MiB", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.Giant}, call: (*world).authorize,
		kind: BadResponse, calls: 1, text: ecrHost + " returned a response larger than 1 MiB"},
	{name: "chunks without end", op: awstest.CreateToken, fault: awstest.Fault{Kind: awstest.EndlessChunks}, call: (*world).refresh,
		kind: BadResponse, calls: 1, text: oidcHost + " returned a response larger than 1 MiB"},
	{name: "gzip bomb", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.GzipBomb}, call: (*world).authorize,
		kind: BadResponse, calls: 1, text: ecrHost + " returned a response larger than 1 MiB"},
	{name: "flood of headers", op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.HeaderFlood}, call: (*world).authorize,
		kind: BadResponse, calls: 1, text: ecrHost + " returned too many headers"},
}

func TestFaultsFromWire(t *testing.T) {
	for _, tt := range wireFaults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{})
			w.env = append(w.env, "AWS_CA_BUNDLE=") // which would be mentioned in certificate errors
			c := w.client(t, func(o *Options) {
				if tt.fault.RetryAfter != "" { // other faults do not depend on the time
					o.Phase = 5 * time.Second
				}
			})
			if tt.setUp != nil {
				tt.setUp(w)
			} else {
				w.Fail(tt.op, tt.fault)
			}
			err := tt.call(w, c)
			f := faultOf(t, err)
			if f.Kind != tt.kind {
				t.Errorf("kind %d, want %d (%v; %v)", f.Kind, tt.kind, f, f.Err)
			}
			if n := w.Calls(tt.op); n != tt.calls && tt.op != awstest.Any {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
			got := f.Error()
			if want, open := strings.CutSuffix(tt.text, "..."); got != want && (!open || !strings.HasPrefix(got, want)) {
				t.Errorf("text %q, want %q", got, tt.text)
			}
			for _, s := range w.Secrets() {
				if strings.Contains(got+f.Message+f.Code, s) {
					t.Error("the fault contains a secret")
				}
			}
		})
	}
}

func TestSilentServersTimeOut(t *testing.T) {
	for _, kind := range []awstest.Kind{awstest.Hang, awstest.Drip, awstest.SilentConnect} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{})
			w.Fail(awstest.ECR, awstest.Fault{Kind: kind})
			want := "no response from " + ecrHost + " in time"
			if kind == awstest.SilentConnect {
				proxy, _ := url.Parse(w.ProxyURL())
				want = "no response from the proxy " + proxy.Host + " in time (on the way to " + ecrHost + ")"
			}
			// On a busy machine, a short phase ends before the connection is established.
			var f *Fault
			for phase := 300 * time.Millisecond; phase < time.Minute; phase *= 2 {
				c := w.client(t, func(o *Options) { o.Phase = phase })
				if f = faultOf(t, w.authorize(c)); f.Error() == want {
					break
				}
			}
			if f.Kind != Timeout || f.Error() != want {
				t.Errorf("kind %d: %v", f.Kind, f)
			}
		})
	}
}

func TestTransientFailuresAreRetried(t *testing.T) {
	for _, kind := range []awstest.Kind{awstest.Throttle, awstest.Reset, awstest.Cut} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, awstest.Options{})
			w.Fail(awstest.ECR, awstest.Fault{Kind: kind, Times: 2})
			if err := w.authorize(w.client(t)); err != nil {
				t.Error(err)
			}
			if n := w.Calls(awstest.ECR); n != 3 {
				t.Errorf("%d calls, want 3", n)
			}
		})
	}
}

func TestUnsentRefreshesAreRetried(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	w.Fail(awstest.Any, awstest.Fault{Kind: awstest.Down})
	c.link.sleep = func(context.Context, time.Duration) error { w.ClearFaults(); return nil }
	if err := w.refresh(c); err != nil {
		t.Error(err)
	}
	if n := w.Calls(awstest.CreateToken); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

func TestClockSkewExplainsRejectedSignature(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(-40 * time.Minute) } })
	w.Fail(awstest.ECR, awstest.Fault{Status: 400, Code: "InvalidSignatureException", Message: "Signature expired"})
	f := faultOf(t, w.authorize(c))
	if f.Kind != ClockSkew || f.Skew.Round(time.Minute) != 40*time.Minute || f.Error() != "this computer's clock is 40m behind AWS" {
		t.Errorf("kind %d, skew %s: %v", f.Kind, f.Skew, f)
	}
	if n := w.Calls(awstest.ECR); n != 2 { // the second one uses the server's time
		t.Errorf("%d calls, want 2", n)
	}
	w.ClearFaults()
	w.DenyECR(account)
	c = w.client(t, func(o *Options) { o.Now = c.o.Now }) // without the clock correction
	if f = faultOf(t, w.authorize(c)); f.Kind != Denied || f.Skew.Round(time.Minute) != 40*time.Minute {
		t.Errorf("kind %d, skew %s: %v", f.Kind, f.Skew, f)
	}
	fast := w.client(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(24 * time.Hour) } })
	if f = faultOf(t, w.roleCredentials(fast)); f.Kind != Forbidden {
		w.ClearFaults()
	}
	w.ClearFaults()
	if f = faultOf(t, w.roleCredentials(fast)); f.Kind != ClockSkew {
		t.Errorf("already expired credentials: kind %d: %v", f.Kind, f)
	}
}

func TestInvalidBundleError(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	w.env = append(w.env, "AWS_CA_BUNDLE="+w.home.ConfigPath())
	f := faultOf(t, w.authorize(w.client(t)))
	if f.Kind != TLS || !strings.HasPrefix(f.Error(), env.AWSCABundle.Name()+": no certificate in ") || f.Tries != 1 {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
	other, err := awstest.New(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w.env = append(w.env, "AWS_CA_BUNDLE="+other.CAFile())
	f = faultOf(t, w.authorize(w.client(t)))
	if want := "the certificate of " + ecrHost + " is signed by an authority that is not in AWS_CA_BUNDLE"; f.Kind != TLS || f.Error() != want || f.Aside() != "" {
		t.Errorf("kind %d: %v%s", f.Kind, f, f.Aside())
	}
	w.env = append(w.env, "AWS_CA_BUNDLE=/does/not/exist")
	if f = faultOf(t, w.authorize(w.client(t))); f.Kind != TLS || !strings.Contains(f.Error(), "/does/not/exist") {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
}

func TestUnreadableRootsError(t *testing.T) {
	if platformVerifies {
		t.Skip("on this system SSL_CERT_FILE adds to the trusted certificates")
	}
	w := newWorld(t, awstest.Options{})
	dir := t.TempDir()
	w.env = append(w.env, "SSL_CERT_FILE="+dir, "SSL_CERT_DIR="+dir)
	f := faultOf(t, w.authorize(w.client(t)))
	if f.Kind != TLS || !strings.HasPrefix(f.Error(), "root certificates: "+dir) {
		t.Errorf("kind %d: %v", f.Kind, f)
	}
}

// Proxy errors mention the proxy, not the service.
func TestProxyErrors(t *testing.T) {
	for answer, want := range map[string]string{
		"SSH-2.0-x\r\n": "the proxy PROXY does not speak HTTP (on the way to " + ecrHost + ")",
		"":              "the connection to the proxy PROXY was lost (on the way to " + ecrHost + ") (3 tries)",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, answer)
				c.Close()
			}
		}()
		w := newWorld(t, awstest.Options{})
		w.env = append(w.env, "HTTPS_PROXY=http://person:word@"+l.Addr().String())
		f := faultOf(t, w.authorize(w.client(t)))
		if got := strings.ReplaceAll(f.Error(), l.Addr().String(), "PROXY"); got != want {
			t.Errorf("%q: got %q", answer, got)
		}
	}
}

func TestNoSuchHost(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	w.env = append(w.env, "HTTPS_PROXY=", "AWS_ENDPOINT_URL_ECR=https://ecr.invalid", "NO_PROXY=*")
	f := faultOf(t, w.authorize(w.client(t)))
	if f.Kind != Network || !strings.HasPrefix(f.Error(), "cannot resolve ecr.invalid") {
		t.Errorf("kind %d: %v (%v)", f.Kind, f, f.Err)
	}
}
