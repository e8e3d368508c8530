package awsclient

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	startURL = "https://corp.awsapps.com/start"
	region   = "eu-west-1"
	account  = "123456789012"
	role     = "Push"
	hostname = account + ".dkr.ecr." + region + ".amazonaws.com"
)

// world is a fake AWS with one signed-in user. Its clients use the real host names through
// the proxy.
type world struct {
	*awstest.AWS
	home  *awstest.Home
	env   []string
	token awscache.Token
	path  string // path of the token file
	sso   awsconfig.SSO
	reg   registry.Registry
}

func newWorld(t testing.TB, o awstest.Options) *world {
	t.Helper()
	fake, err := awstest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.AddInstance(startURL, region)
	fake.AddAccount(account, "Corp", "corp@example.com", role, "Read")
	w := &world{AWS: fake, home: fake.Home(t.TempDir())}
	w.env = append(w.home.Env(), "SSL_CERT_DIR="+t.TempDir()) // not the machine's
	w.home.SSOProfile("corp", "corp", startURL, region, account, role)
	w.signIn()
	w.sso = awsconfig.SSO{Profile: "corp", Session: "corp", StartURL: startURL, SSORegion: region, Account: account, Role: role}
	if w.reg, err = registry.Parse(hostname); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) signIn() {
	s := w.SignIn(startURL, region, true)
	w.path = w.home.WriteToken("corp", s)
	w.token = awscache.Token{
		StartURL: startURL, Region: region, AccessToken: secret.New(s.AccessToken), ExpiresAt: s.ExpiresAt,
		ClientID: s.ClientID, ClientSecret: secret.New(s.ClientSecret), RefreshToken: secret.New(s.RefreshToken),
	}
}

// testLimit is the time limit of what succeeds. Only a test of time limits uses shorter ones,
// because on a busy machine a TLS handshake can take longer than the default.
const testLimit = 5 * time.Minute

func (w *world) client(t testing.TB, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{Env: env.FromList(w.env), Home: w.home.Dir, Phase: testLimit, UserAgent: "test/1"}
	o.steps = stepLimits{testLimit, testLimit, testLimit}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if !slices.ContainsFunc(w.env, func(s string) bool { return s == "SLOW=1" }) {
		c.link.jitter = func(time.Duration) time.Duration { return 0 }
	}
	return c
}

func (w *world) config(t testing.TB, text string) *awsconfig.Config {
	t.Helper()
	w.home.WriteConfig(text)
	c, err := awsconfig.Load(awsconfig.Paths{Config: w.home.ConfigPath(), Credentials: w.home.Dir + "/.aws/credentials"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) keys() awscache.Credentials {
	k := w.AddKeys(account)
	return awscache.Credentials{AccessKeyID: k.AccessKeyID, SecretAccessKey: secret.New(k.SecretAccessKey), SessionToken: secret.New(k.SessionToken)}
}

// Calls for the test tables.
func (w *world) refresh(c *Client) error {
	_, err := c.Refresh(context.Background(), region, w.token)
	return err
}

func (w *world) roleCredentials(c *Client) error {
	_, err := c.RoleCredentials(context.Background(), w.sso, w.path, w.token)
	return err
}

func (w *world) authorize(c *Client) error {
	_, err := c.AuthorizationToken(context.Background(), w.reg, w.keys())
	return err
}

func faultOf(t testing.TB, err error) *Fault {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) {
		t.Fatalf("got %v (%T), want a *Fault", err, err)
	}
	return f
}
