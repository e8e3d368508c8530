package awsclient

import (
	"context"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

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
				t.Errorf("%d, %v", status, err)
			}
		})
	}
	w.Fail(awstest.Registry, awstest.Fault{Kind: awstest.Redirect})
	if _, err := client.RegistryPing(ctx, w.reg, login); faultOf(t, err).Kind != NotAWS {
		t.Errorf("a redirect: %v", err)
	}
}
