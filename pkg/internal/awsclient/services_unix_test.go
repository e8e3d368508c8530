//go:build !windows

package awsclient

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The SDK's loader reads the process environment and may fail because of it. Neither may
// affect a call, because all settings come from Options.Env. Each file is a named pipe,
// which would block the test if the loader opened it.
func TestProcessEnvironmentIsIgnored(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"AWS_CONFIG_FILE": pipe, "AWS_SHARED_CREDENTIALS_FILE": pipe}
	for name, environ := range map[string]map[string]string{
		"nothing": nil,
		"valid values": {
			"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2", "AWS_SDK_UA_APP_ID": "app-of-the-environment",
			"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_ENDPOINT_URL": "http://192.0.2.1",
			"AWS_ENDPOINT_URL_SSO": "http://192.0.2.1", "AWS_ENDPOINT_URL_ECR": "http://192.0.2.1", "AWS_ENDPOINT_URL_SSO_OIDC": "http://192.0.2.1",
			"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "9", "AWS_DEFAULTS_MODE": "auto", "AWS_DISABLE_CLOCK_SKEW_CORRECTION": "false",
			"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_WEB_IDENTITY_TOKEN_FILE": pipe, "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
			"AWS_AUTH_SCHEME_PREFERENCE": "httpBearerAuth", "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "1", "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required",
		},
		"bundle":                                {"AWS_CA_BUNDLE": pipe},
		"profile that is in no file":            {"AWS_PROFILE": "gone"},
		"attempts that are not a number":        {"AWS_MAX_ATTEMPTS": "x"},
		"mode that the SDK does not know":       {"AWS_RETRY_MODE": "legacy"},
		"switch that is neither true nor false": {"AWS_USE_FIPS_ENDPOINT": "perhaps"},
		"defaults mode that does not exist":     {"AWS_DEFAULTS_MODE": "x"},
		"metadata mode that does not exist":     {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			for _, vars := range []map[string]string{files, environ} {
				for name, value := range vars {
					t.Setenv(name, value)
				}
			}
			c := w.client(t)
			for _, call := range []func(*Client) error{w.refresh, w.roleCredentials, w.authorize} {
				if err := call(c); err != nil {
					t.Error(err)
				}
			}
			checkOptions(t, c, c.ecr(region, "https://ecr.example", anonymous()).Options())
			if r, ok := c.ecrPublic("", "https://public.example", anonymous()).Options().Retryer.(aws.NopRetryer); !ok {
				t.Errorf("ECR Public was retried: %v", r)
			}
		})
	}
}

func checkOptions(t *testing.T, c *Client, o ecr.Options) {
	t.Helper()
	if o.Region != region || aws.ToString(o.BaseEndpoint) != "https://ecr.example" || o.EndpointOptions.UseFIPSEndpoint != aws.FIPSEndpointStateUnset ||
		o.EndpointOptions.UseDualStackEndpoint != aws.DualStackEndpointStateUnset {
		t.Errorf("region %q, endpoint %v, %+v", o.Region, o.BaseEndpoint, o.EndpointOptions)
	}
	if o.AppID != "" || o.AuthSchemePreference != nil || o.RetryMaxAttempts != 0 || !o.DisableClockSkewCorrection || o.DefaultsMode != aws.DefaultsModeLegacy {
		t.Errorf("app %q, schemes %v, attempts %d, clock %v, mode %q", o.AppID, o.AuthSchemePreference, o.RetryMaxAttempts, o.DisableClockSkewCorrection, o.DefaultsMode)
	}
	if o.HTTPClient != c.link {
		t.Errorf("another HTTP client: %T", o.HTTPClient)
	}
}
