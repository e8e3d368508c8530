package awsclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// processTime bounds a credential_process, which may ask other services in turn.
const processTime = 30 * time.Second

// ProfileCredentials resolves a profile of any kind the SDK knows (roles, static
// keys, web identity, credential_process, ...). region serves STS when the
// profile has none. Expiration is zero for credentials that do not expire.
//
// The SDK reads the process environment for itself here. It does not know the
// profiles whose names AWS CLI writes in quotes, because of a blank.
//
// Errors: *Fault. Kind Expired with Service "sso": an SSO profile at the end of
// the source_profile chain has no live token; the SDK never refreshes it, since
// its refresh takes no lock.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
func (c *Client) ProfileCredentials(ctx context.Context, profile, region string) (rolecache.Credentials, error) {
	c, err := c.WithProfile(profile)
	if err != nil {
		return rolecache.Credentials{}, err
	}
	return c.resolve(ctx, region, fmt.Sprintf("profile %q", profile), config.WithSharedConfigProfile(profile))
}

// ChainCredentials walks the SDK's default chain: environment, web identity,
// the active profile, container, instance. It asks the instance metadata service
// once and for a second, and not at all with AWS_EC2_METADATA_DISABLED=true.
// region serves STS when nothing else names one. Errors: *Fault; NoCredentials
// when the chain has nothing.
func (c *Client) ChainCredentials(ctx context.Context, region string) (rolecache.Credentials, error) {
	return c.resolve(ctx, region, "default credential chain")
}

func (c *Client) resolve(ctx context.Context, region, what string, more ...func(*config.LoadOptions) error) (rolecache.Credentials, error) {
	if region != "" {
		if err := checkRegion(stsService, region); err != nil {
			return rolecache.Credentials{}, err
		}
	}
	if err := c.checkFiles(); err != nil {
		return rolecache.Credentials{}, err
	}
	call := &call{op: "credentials", phase: c.o.Phase}
	ctx = withCall(ctx, call)
	cfg, err := config.LoadDefaultConfig(ctx, append(c.loadOptions(region), more...)...)
	if err != nil {
		return rolecache.Credentials{}, call.chainFault(err, what, nil)
	}
	provider, limit, err := withoutRawProcess(cfg, c.o.Phase)
	if err != nil {
		return rolecache.Credentials{}, call.chainFault(err, what, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		return rolecache.Credentials{}, call.chainFault(err, what, sources(cfg.Credentials))
	}
	return c.checked(call, creds, creds.AccountID)
}

// maxTokenFile bounds a token that the SDK is to read from a file.
const maxTokenFile = 1 << 20

// checkFiles reads, within bounds, what the SDK would read without any: a pipe
// there would hang it past every deadline, and a giant file fill the memory.
func (c *Client) checkFiles() error {
	if path, source := caBundleFrom(c.o); path != "" {
		if _, err := namedBundle(path, source); err != nil {
			return &Fault{Kind: TLS, cause: clean(err.Error()), Err: err}
		}
	}
	for _, file := range [...]struct{ source, path string }{
		{env.AWSWebIdentityTokenFile.Name(), c.o.Env.Get(env.AWSWebIdentityTokenFile)},
		{env.AWSContainerTokenFile.Name(), c.o.Env.Get(env.AWSContainerTokenFile)},
		{fmt.Sprintf("web_identity_token_file of profile %q", c.o.Profile), c.o.key("web_identity_token_file")},
	} {
		if file.path == "" {
			continue
		}
		if _, err := safefile.Read(file.path, maxTokenFile); err != nil {
			return &Fault{Kind: Other, cause: clean(file.source + ": " + err.Error()), Err: err}
		}
	}
	return nil
}

func (c *Client) loadOptions(region string) []func(*config.LoadOptions) error {
	opts := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithAPIOptions([]func(*middleware.Stack) error{c.link.install}),
		// The SDK's own logger writes to stderr, which is not its place.
		config.WithLogger(logging.Nop{}),
		config.WithSSOTokenProviderOptions(func(o *ssocreds.SSOTokenProviderOptions) { o.Client = noRefresh{} }),
	}
	if region != "" {
		opts = append(opts, config.WithDefaultRegion(region))
	}
	if c.o.Env.True(env.AWSEC2MetadataDisabled) {
		opts = append(opts, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}
	if c.o.Config != nil {
		p := c.o.Config.Paths
		if p.Config != "" {
			opts = append(opts, config.WithSharedConfigFiles([]string{p.Config}))
		}
		if p.Credentials != "" {
			opts = append(opts, config.WithSharedCredentialsFiles([]string{p.Credentials}))
		}
	}
	return opts
}

// errNoLiveToken stands for the refresh that the SDK would make.
var errNoLiveToken = errors.New("the SSO token has expired")

type noRefresh struct{}

// CreateToken implements ssocreds.CreateTokenAPIClient.
func (noRefresh) CreateToken(context.Context, *ssooidc.CreateTokenInput, ...func(*ssooidc.Options)) (*ssooidc.CreateTokenOutput, error) {
	return nil, errNoLiveToken
}

func sources(p aws.CredentialsProvider) []aws.CredentialSource {
	if s, ok := p.(aws.CredentialProviderSource); ok {
		return s.ProviderSources()
	}
	return nil
}

// chainFault words what the SDK's chain reports. what names whose credentials
// were asked for.
func (c *call) chainFault(err error, what string, from []aws.CredentialSource) error {
	f := &Fault{Kind: Other, Op: c.op, Err: err}
	var missing config.SharedConfigProfileNotExistError
	var mfa config.AssumeRoleTokenProviderNotSetError
	var process *processError
	op := innermost(err)
	switch {
	case errors.As(err, &process):
		f.cause, f.Err = what+": "+process.Error(), process // the SDK's text may hold what the program printed
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && op == nil:
		return c.fault(err)
	case errors.As(err, &missing):
		f.cause = what + " is not to be found by the AWS SDK (it does not know names in quotes, as AWS CLI writes them when there is a blank)"
	case errors.As(err, &mfa):
		f.cause = what + " wants an MFA code (mfa_serial), which nobody can be asked for here"
	case noLiveToken(err):
		f.Kind, f.Service, f.cause = Expired, portalService.name, what+" has no live SSO token"
	case op != nil && op.ServiceID == "ec2imds", op == nil && slices.Contains(from, aws.CredentialSourceIMDS):
		f.Kind, f.Service = NoCredentials, "imds"
	default:
		if c.notes().tries > 0 {
			return c.fault(err)
		}
		var own *Fault
		if errors.As(err, &own) {
			return c.fault(err)
		}
		f.cause = what + ": " + clean(plain(err))
	}
	return f
}

// plain drops the SDK's wrapping and keeps the last word.
func plain(err error) string {
	if op := innermost(err); op != nil {
		err = op.Err
	}
	return err.Error()
}
