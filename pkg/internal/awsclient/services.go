package awsclient

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// portal makes a client of the SSO portal of a region.
func (c *Client) portal(region string) (*sso.Client, error) {
	endpoint, err := c.PortalEndpoint(region)
	if err != nil {
		return nil, err
	}
	return sso.NewFromConfig(c.config(region, endpoint, anonymous())), nil
}

// oidc makes a client of the sign-in service of a region.
func (c *Client) oidc(region string) (*ssooidc.Client, error) {
	endpoint, err := c.OIDCEndpoint(region)
	if err != nil {
		return nil, err
	}
	return ssooidc.NewFromConfig(c.config(region, endpoint, anonymous())), nil
}

// signin makes a client of the service that renews `aws login` sessions.
func (c *Client) signin(region string) (*signin.Client, error) {
	region = c.ownRegion(region)
	endpoint, err := c.signinEndpoint(region)
	if err != nil {
		return nil, err
	}
	return signin.NewFromConfig(c.config(region, endpoint, anonymous())), nil
}

// sts makes a client of the Security Token Service.
func (c *Client) sts(region string, keys aws.CredentialsProvider) (*sts.Client, error) {
	region = c.ownRegion(region)
	endpoint, err := c.stsEndpoint(region)
	if err != nil {
		return nil, err
	}
	return sts.NewFromConfig(c.config(region, endpoint, keys), func(o *sts.Options) { o.HTTPSignerV4 = c.link.signer() }), nil
}

// ownRegion is the region that the environment or the profile names, else the given one.
func (c *Client) ownRegion(region string) string {
	return cmp.Or(c.o.Env.Get(env.AWSRegion), c.o.Env.Get(env.AWSDefaultRegion), c.o.key("region"), region)
}

// ecr makes a client of ECR. FIPS and dual stack are in the endpoint already.
func (c *Client) ecr(region, endpoint string, keys aws.CredentialsProvider) *ecr.Client {
	return ecr.NewFromConfig(c.config(region, endpoint, keys), func(o *ecr.Options) { o.HTTPSignerV4 = c.link.signer() })
}

// ecrPublic makes a client of ECR Public.
func (c *Client) ecrPublic(region, endpoint string, keys aws.CredentialsProvider) *ecrpublic.Client {
	return ecrpublic.NewFromConfig(c.config(region, endpoint, keys), func(o *ecrpublic.Options) { o.HTTPSignerV4 = c.link.signer() })
}

// anonymous is for the calls that carry their proof in the body or a header.
func anonymous() aws.CredentialsProvider { return aws.AnonymousCredentials{} }

// config returns the shared configuration with the values of one service client.
func (c *Client) config(region, endpoint string, keys aws.CredentialsProvider) aws.Config {
	cfg := c.link.config()
	cfg.Region, cfg.BaseEndpoint, cfg.Credentials = region, &endpoint, keys
	return cfg
}

// loadConfig makes the configuration that all service clients share. The SDK's loader
// gets values only: it opens no file and no connection.
func loadConfig(client aws.HTTPClient) aws.Config {
	retryer := func() aws.Retryer { return aws.NopRetryer{} } // the transport retries
	cfg := aws.Config{HTTPClient: client, Retryer: retryer, Logger: logging.Nop{}, DefaultsMode: aws.DefaultsModeLegacy}
	// The loader would read the file in AWS_CA_BUNDLE, for an HTTP client of the SDK's
	// own type. The transport reads it already.
	if env.FromOS().Get(env.AWSCABundle) == "" {
		loaded, err := config.LoadDefaultConfig(context.Background(),
			config.WithHTTPClient(client), config.WithRetryer(retryer), config.WithLogger(logging.Nop{}),
			config.WithDefaultsMode(aws.DefaultsModeLegacy), config.WithCredentialsProvider(anonymous()),
			config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}),
		)
		// The loader fails on variables that no call needs: AWS_MAX_ATTEMPTS=x,
		// AWS_RETRY_MODE=legacy, an AWS_PROFILE that is not in a file.
		if err == nil {
			cfg = loaded
		}
	}
	return withoutEnvironment(cfg)
}

// withoutEnvironment drops what the loader took from the process environment: every
// setting comes from Options.Env and awsconfig. The service clients read the FIPS,
// dual-stack and endpoint variables in ConfigSources. The SDK's own correction of the
// clock works between the tries of its retryer, see timedSigner.
func withoutEnvironment(cfg aws.Config) aws.Config {
	return aws.Config{
		HTTPClient: cfg.HTTPClient, Retryer: cfg.Retryer, Logger: cfg.Logger, DefaultsMode: cfg.DefaultsMode, DisableClockSkewCorrection: true,
	}
}

// retryInServerTime makes a signed call. When the service refuses the signature and its
// clock is more than five minutes from the time in it, the call is repeated once, signed
// with the service's time, and so are all later calls: AWS's other SDKs do the same. The
// error is a *Fault; ClockSkew when the second call failed too.
func (c *Client) retryInServerTime(call *call, request func() error) error {
	err := request()
	if c.adoptServerTime(call, err) {
		err = request()
	}
	return call.fault(err)
}

// adoptServerTime reports whether err is such a refusal. If it is, later calls are signed
// with the service's time.
func (c *Client) adoptServerTime(call *call, err error) bool {
	f, ok := errors.AsType[*Fault](call.fault(err))
	if !ok || !mayBeClockSkew(f) || (f.Skew-c.link.ahead()).Abs() <= maxSkew {
		return false
	}
	c.link.offset.Store(int64(f.Skew))
	return true
}

// serverTime is how far AWS's clock is ahead of ours; 0 until AWS refuses our time.
type serverTime struct{ offset atomic.Int64 }

func (t *serverTime) ahead() time.Duration { return time.Duration(t.offset.Load()) }

// signer signs with the server's time. The SDK's own correction works between the
// tries of its retryer, which is not used.
func (t *serverTime) signer() *timedSigner { return &timedSigner{v4.NewSigner(), t} }

type timedSigner struct {
	signer *v4.Signer
	time   *serverTime
}

// SignHTTP implements HTTPSignerV4 of each service.
func (s *timedSigner) SignHTTP(ctx context.Context, keys aws.Credentials, r *http.Request, payloadHash, service, region string,
	now time.Time, options ...func(*v4.SignerOptions)) error {
	return s.signer.SignHTTP(ctx, keys, r, payloadHash, service, region, now.Add(s.time.ahead()), options...)
}
