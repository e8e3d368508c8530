package awstest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestHomeMatchesAWSCLIFormat(t *testing.T) {
	a := start(t, awstest.Options{})
	h := a.Home(t.TempDir())
	h.SSOProfile("Admin-444455556666", "my-sso", startURL, "us-east-1", acct, "Admin")
	h.SSOProfile("my dev", "my-sso", startURL, "us-east-1", acct, "Push")
	h.LegacyProfile("old", startURL, "us-east-1", acct, "Admin")
	want := `[profile Admin-444455556666]
sso_session = my-sso
sso_account_id = 444455556666
sso_role_name = Admin
region = us-east-1
[sso-session my-sso]
sso_start_url = https://my-portal.awsapps.com/start
sso_region = us-east-1
sso_registration_scopes = sso:account:access
[profile 'my dev']
sso_session = my-sso
sso_account_id = 444455556666
sso_role_name = Push
region = us-east-1
[profile old]
sso_start_url = https://my-portal.awsapps.com/start
sso_region = us-east-1
sso_account_id = 444455556666
sso_role_name = Admin
region = us-east-1
`
	if diff := cmp.Diff(want, string(must(os.ReadFile(h.ConfigPath())))); diff != "" {
		t.Error(diff)
	}
	day := time.Date(2026, 11, 23, 8, 28, 21, 0, time.UTC)
	path := h.WriteToken("my-sso", awstest.SSOToken{StartURL: "https://é\U0001F600.example/<&>\n\x01", Region: "us-east-1", AccessToken: "AT", RefreshToken: "RT",
		ClientID: "CID", ClientSecret: "CSECRET", ExpiresAt: day, RegistrationExpiresAt: day})
	if filepath.Base(path) != "0ad374308c5a4e22f723adf10145eafad7c4031c.json" {
		t.Error(path)
	}
	want = `{"startUrl": "https://\u00e9\ud83d\ude00.example/<&>\n\u0001", "region": "us-east-1", "accessToken": "AT", "expiresAt": "2026-11-23T08:28:21Z", ` +
		`"clientId": "CID", "clientSecret": "CSECRET", "registrationExpiresAt": "2026-11-23T08:28:21Z", "refreshToken": "RT"}`
	if diff := cmp.Diff(want, string(must(os.ReadFile(path)))); diff != "" {
		t.Error(diff)
	}
}

func TestEnvIgnoresProcessEnvironment(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAHOST")
	t.Setenv("AWS_PROFILE", "host")
	t.Setenv("NO_PROXY", "amazonaws.com")
	a := start(t, awstest.Options{})
	h := a.Home(t.TempDir())
	for _, e := range h.Env() {
		k, v, _ := strings.Cut(e, "=")
		if k == "AWS_PROFILE" || k == "AWS_ACCESS_KEY_ID" || strings.EqualFold(k, "NO_PROXY") || strings.Contains(v, "AKIAHOST") {
			t.Error(e)
		}
	}
}

// The SDK's config parser and providers must accept the files in a Home.
func TestSDKReadsHome(t *testing.T) {
	a := start(t, awstest.Options{})
	h := a.Home(t.TempDir())
	h.SSOProfile("dev", "my-sso", startURL, region, acct, "Push")
	h.WriteToken("my-sso", a.SignIn(startURL, region, true))
	t.Setenv("HOME", h.Dir)
	t.Setenv("AWS_CA_BUNDLE", "") // the client below already has the CA
	cfg, err := sdkconfig.LoadDefaultConfig(t.Context(), sdkconfig.WithSharedConfigFiles([]string{h.ConfigPath()}),
		sdkconfig.WithSharedCredentialsFiles(nil), sdkconfig.WithSharedConfigProfile("dev"), sdkconfig.WithHTTPClient(config(t, a).HTTPClient))
	if err != nil {
		t.Fatal(err)
	}
	password(t, cfg)
	if a.Calls(awstest.GetRoleCredentials) != 1 || a.Calls(awstest.ECR) != 1 || a.Calls(awstest.Any) != 2 {
		t.Errorf("log %+v", a.Log())
	}
}

func TestContainerAndInstanceCredentials(t *testing.T) {
	a := start(t, awstest.Options{})
	uri, token := a.AddContainer(acct, "Task")
	got, err := endpointcreds.New(uri, func(o *endpointcreds.Options) { o.AuthorizationToken = token }).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t, a)
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return got, nil })
	password(t, cfg)
	if _, err := endpointcreds.New(uri, func(o *endpointcreds.Options) {
		o.AuthorizationToken, o.Retryer = "wrong", aws.NopRetryer{}
	}).Retrieve(t.Context()); err == nil {
		t.Error("a wrong token is accepted")
	}

	c := imds.New(imds.Options{Endpoint: a.AddMetadata(acct, "Instance", region)})
	if r := must(c.GetRegion(t.Context(), nil)); r.Region != region {
		t.Error(r.Region)
	}
	out := must(c.GetMetadata(t.Context(), &imds.GetMetadataInput{Path: "iam/security-credentials/"}))
	buf := make([]byte, 20)
	n, _ := out.Content.Read(buf)
	if string(buf[:n]) != "Instance" {
		t.Errorf("%q", buf[:n])
	}
}
