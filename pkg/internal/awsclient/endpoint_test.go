package awsclient

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

func TestInsecureEndpointsAreRejected(t *testing.T) {
	calls := map[string]func(*world, *Client) error{
		"SSO": (*world).roleCredentials, "SSO_OIDC": (*world).refresh, "ECR": (*world).authorize,
	}
	values := map[string]string{
		"http://portal.example":      "is plain http to another machine, which is not allowed",
		"http://127.0.0.1.nip.io":    "is plain http to another machine, which is not allowed",
		"http://localhost.evil.com":  "is plain http to another machine, which is not allowed",
		"http://169.254.169.254":     "is plain http to another machine, which is not allowed",
		"https://user:pw@127.0.0.1":  "contains a user name, which is not allowed",
		"ftp://127.0.0.1":            "is not an http or https URL",
		"127.0.0.1:8080":             "is not an http or https URL",
		"https://":                   "is not an http or https URL",
		"https://sso.example/?x=y":   "contains a query or a fragment, which is not allowed",
		"http://[::ffff:192.0.2.1]/": "is plain http to another machine, which is not allowed",
	}
	w := newWorld(t, awstest.Options{})
	base := w.env
	for service, ask := range calls {
		for value, why := range values {
			for _, variable := range []string{"AWS_ENDPOINT_URL_" + service, "AWS_ENDPOINT_URL"} {
				w.env = append(base[:len(base):len(base)], variable+"="+value)
				c := w.client(t)
				f := faultOf(t, ask(w, c))
				if f.Kind != InsecureEndpoint || f.Error() != variable+" "+why || f.Variable != variable {
					t.Errorf("%s=%s: kind %d: %v", variable, value, f.Kind, f)
				}
				if service == "ECR" {
					c.Open(t.Context(), w.reg)
				}
			}
		}
	}
	if n := len(w.Connections()); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestInsecureEndpointsInConfig(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	for name, text := range map[string]string{
		`endpoint_url of profile "corp"`:                     "[profile corp]\nendpoint_url = http://evil.example\n",
		`ecr endpoint_url in the services of profile "corp"`: "[profile corp]\nservices = local\n[services local]\necr =\n  endpoint_url = http://evil.example\n",
	} {
		config := w.config(t, text)
		c := w.client(t, func(o *Options) { o.Config, o.Profile = config, "corp" })
		f := faultOf(t, w.authorize(c))
		if f.Kind != InsecureEndpoint || f.Error() != name+" is plain http to another machine, which is not allowed" || f.Variable != "" {
			t.Errorf("kind %d: %v", f.Kind, f)
		}
	}
}

func TestEndpointOrder(t *testing.T) {
	const local = "[default]\nregion = x\n[profile corp]\nservices = local\nendpoint_url = https://of.profile\nuse_fips_endpoint = true\n" +
		"[services local]\necr =\n  endpoint_url = https://of.services\n"
	tests := []struct {
		name      string
		env       []string
		ecr, oidc string
	}{
		{"services section, then the profile", nil, "https://of.services", "https://of.profile"},
		{"general variable takes precedence over both", []string{"AWS_ENDPOINT_URL=https://all.example"}, "https://all.example", "https://all.example"},
		{"service's variable takes precedence", []string{"AWS_ENDPOINT_URL=https://all.example", "AWS_ENDPOINT_URL_ECR=http://[::1]:5000/x"}, "http://[::1]:5000/x", "https://all.example"},
		{"all of them switched off", []string{"AWS_ENDPOINT_URL=http://evil.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE"}, "https://" + ecrHost, "https://oidc-fips.eu-west-1.amazonaws.com"},
		{"FIPS off in the environment", []string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", "AWS_USE_FIPS_ENDPOINT=false"}, "https://" + ecrHost, "https://" + oidcHost},
		{"both switches", []string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", "AWS_USE_DUALSTACK_ENDPOINT=true"}, "https://" + ecrHost, "https://oidc-fips.eu-west-1.api.aws"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			config := w.config(t, local)
			w.env = append(w.env, tt.env...)
			c, err := w.client(t, func(o *Options) { o.Config = config }).WithProfile("corp")
			if err != nil {
				t.Fatal(err)
			}
			ecr, err := c.Endpoint(w.reg)
			if err != nil {
				t.Error(err)
			}
			oidc, err := c.OIDCEndpoint(region)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{tt.ecr, tt.oidc}, []string{ecr, oidc}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoopbackEndpointsWork(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	fips, err := registry.Parse(account + ".dkr-ecr-fips.us-west-2.on.aws")
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, w.EndpointEnv()...)
	w.env = append(w.env, "AWS_USE_FIPS_ENDPOINT=true", "AWS_USE_DUALSTACK_ENDPOINT=true")
	c := w.client(t)
	keys, err := c.RoleCredentials(t.Context(), w.sso, w.path, w.token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AuthorizationToken(t.Context(), fips, keys); err != nil {
		t.Error(err)
	}
	if err := w.refresh(c); err != nil {
		t.Error(err)
	}
	for _, conn := range w.Connections() {
		if !strings.HasPrefix(conn.Host, "127.0.0.1:") {
			t.Errorf("called %s", conn.Host)
		}
	}
	// The name localhost is also loopback.
	u, _ := url.Parse(w.URL(awstest.ECR))
	w.env = append(w.env, "AWS_ENDPOINT_URL_ECR=http://localhost:"+u.Port())
	if err := w.authorize(w.client(t)); err != nil {
		t.Error(err)
	}
}

func TestInvalidRegionsAreRejected(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	c := w.client(t)
	for _, r := range []string{"", "s3", "a.b", "eu-west-1.evil.com", "eu-west-1/", "eu-west-1@x", "fips-us-east-1", "us-east-1-fips", "-a-1", "eu--1", "eu-west-1\n", "s3-us-west-2", strings.Repeat("a", 70) + "-b-1"} {
		if e, err := c.OIDCEndpoint(r); err == nil {
			t.Errorf("%q became %s", r, e)
		}
		if e, err := c.PortalEndpoint(r); err == nil {
			t.Errorf("%q became %s", r, e)
		}
	}
	for r, want := range map[string]string{
		"eu-west-1": "https://oidc.eu-west-1.amazonaws.com", "cn-north-1": "https://oidc.cn-north-1.amazonaws.com.cn",
		"us-gov-west-1": "https://oidc.us-gov-west-1.amazonaws.com", "ap-southeast-12": "https://oidc.ap-southeast-12.amazonaws.com",
		"eusc-de-east-1": "https://oidc.eusc-de-east-1.amazonaws.eu", "us-isob-east-1": "https://oidc.us-isob-east-1.sc2s.sgov.gov",
	} {
		if e, err := c.OIDCEndpoint(r); err != nil || e != want {
			t.Errorf("%q: got %s, error %v", r, e, err)
		}
	}
}

// Host names are case-insensitive, so a sign-in accepts a region in upper case.
func TestUpperCaseRegions(t *testing.T) {
	c := newWorld(t, awstest.Options{}).client(t)
	for _, r := range []string{"US-EAST-1", "Us-East-1", "us-east-1"} {
		oidc, err := c.OIDCEndpoint(r)
		portal, err2 := c.PortalEndpoint(r)
		if err != nil || err2 != nil || oidc != "https://oidc.us-east-1.amazonaws.com" || portal != "https://portal.sso.us-east-1.amazonaws.com" {
			t.Errorf("%s: %s, %v; %s, %v", r, oidc, err, portal, err2)
		}
	}
	if e, err := c.OIDCEndpoint("CN-NORTH-1"); err != nil || e != "https://oidc.cn-north-1.amazonaws.com.cn" {
		t.Errorf("got %s, error %v", e, err)
	}
}

func TestReach(t *testing.T) {
	const refusal = "<html><body>no</body></html>"
	for name, c := range map[string]struct {
		fault *awstest.Fault
		ok    bool
		kind  Kind
		skew  time.Duration
	}{
		"normal response":                     {ok: true},
		"server error":                        {fault: &awstest.Fault{Status: 503}, ok: true},
		"HTML error":                          {fault: &awstest.Fault{Status: 403, Body: refusal, Header: map[string][]string{"Content-Type": {"text/html"}}}, ok: true},
		"HTML page with status 200":           {fault: &awstest.Fault{Kind: awstest.HTML}, kind: NotAWS},
		"redirect":                            {fault: &awstest.Fault{Kind: awstest.Redirect}, kind: NotAWS},
		"proxy refuses":                       {fault: &awstest.Fault{Kind: awstest.RefuseConnect}, kind: Network},
		"certificate of an unknown authority": {fault: &awstest.Fault{Kind: awstest.WrongCA}, kind: TLS},
		"clock skew": {ok: true, skew: -10 * time.Minute,
			fault: &awstest.Fault{Kind: awstest.DateSkew, Skew: -10 * time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			if c.fault != nil {
				w.Fail(awstest.ECR, *c.fault)
			}
			client := w.client(t)
			endpoint, err := client.Endpoint(w.reg)
			if err != nil {
				t.Fatal(err)
			}
			skew, err := client.Reach(context.Background(), endpoint)
			if !c.ok {
				if f := faultOf(t, err); f.Kind != c.kind {
					t.Fatalf("kind %v: %v", f.Kind, err)
				}
				return
			}
			if err != nil || (skew-c.skew).Abs() > 2*time.Second {
				t.Errorf("skew %v, %v", skew, err)
			}
			if n := w.Calls(awstest.Any); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestReachRejectsPlainHTTP(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	if _, err := w.client(t).Reach(context.Background(), "http://ecr.example.com"); faultOf(t, err).Kind != InsecureEndpoint {
		t.Error(err)
	}
	if n := len(w.Connections()); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestRegistryPing(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	w.AddAccount("210987654321", "Dev", "dev@example.com", role)
	client := w.client(t)
	ctx := context.Background()
	login, err := client.AuthorizationToken(ctx, w.reg, w.keys())
	if err != nil {
		t.Fatal(err)
	}
	public, err := registry.Parse("public.ecr.aws")
	if err != nil {
		t.Fatal(err)
	}
	publicLogin, err := client.AuthorizationToken(ctx, public, w.keys())
	if err != nil {
		t.Fatal(err)
	}
	other, err := registry.Parse("210987654321.dkr.ecr." + region + ".amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	wrong := Authorization{Username: "AWS", Password: secret.New("wrong")}
	for name, c := range map[string]struct {
		reg   registry.Registry
		login Authorization
		want  int
	}{
		"valid login":                          {w.reg, login, 200},
		"unknown login":                        {w.reg, wrong, 401},
		"another account's registry":           {other, login, 403},
		"valid public login":                   {public, publicLogin, 200},
		"unknown public login":                 {public, wrong, 401},
		"private login at the public registry": {public, login, 401},
	} {
		t.Run(name, func(t *testing.T) {
			status, err := client.RegistryPing(ctx, c.reg, c.login)
			if err != nil || status != c.want {
				t.Errorf("got %d, error %v", status, err)
			}
		})
	}
	w.Fail(awstest.Registry, awstest.Fault{Kind: awstest.Redirect})
	if _, err := client.RegistryPing(ctx, w.reg, login); faultOf(t, err).Kind != NotAWS {
		t.Errorf("a redirect: %v", err)
	}
}
