package awsclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// processTime bounds a credential_process, which may ask other services in turn.
const processTime = 30 * time.Second

// ProfileCredentials gets the credentials of a profile of any kind. The profile is
// resolved by awsconfig; the SDK's providers get values and read no file and no
// environment for themselves. token is the live token of the SSO session behind
// the profile, read from tokenFile; both are empty without one. region serves STS when neither the environment
// nor the profile names one. Expiration is zero for credentials that do not
// expire. Errors: *Fault; Expired with Service "signin": the profile's `aws login`
// session is missing or has ended.
func (c *Client) ProfileCredentials(ctx context.Context, profile, tokenFile string, token ssotoken.Token, region string) (rolecache.Credentials, error) {
	c, err := c.WithProfile(profile)
	if err != nil {
		return rolecache.Credentials{}, err
	}
	origin, err := c.origin(profile)
	if err != nil {
		return rolecache.Credentials{}, &Fault{Kind: Other, Op: opCredentials, cause: clean(err.Error()), Err: err}
	}
	limit := c.o.Phase
	if origin.Kind == awsconfig.FromProcess {
		limit = processTime
	}
	return c.resolve(ctx, fmt.Sprintf("profile %q", profile), limit, func(ctx context.Context) (aws.Credentials, error) {
		keys, err := c.own(ctx, origin, tokenFile, token, region)
		for _, role := range origin.Roles {
			if err == nil {
				keys, err = c.assume(ctx, role, keys, region)
			}
		}
		return keys, err
	})
}

// ChainCredentials gets what the environment and the machine provide: keys, web
// identity, container, instance. It asks the instance metadata service once and for
// a second, and not at all with AWS_EC2_METADATA_DISABLED=true. region serves STS
// when the environment names none. Errors: *Fault; NoCredentials when there is
// nothing.
func (c *Client) ChainCredentials(ctx context.Context, region string) (rolecache.Credentials, error) {
	return c.resolve(ctx, "default credential chain", c.o.Phase, func(ctx context.Context) (aws.Credentials, error) {
		e := c.o.Env
		if keys := environmentKeys(e); keys.HasKeys() {
			return keys, nil
		}
		if file, role := e.Get(env.AWSWebIdentityTokenFile), e.Get(env.AWSRoleARN); file != "" && role != "" {
			return c.webIdentity(ctx, awsconfig.WebIdentity{TokenFile: file, RoleARN: role, SessionName: e.Get(env.AWSRoleSessionName)},
				env.AWSWebIdentityTokenFile.Name(), region)
		}
		return c.machine(ctx)
	})
}

const opCredentials = "credentials"

// origin is where the profile's credentials come from.
func (c *Client) origin(profile string) (awsconfig.Origin, error) {
	if c.o.Config != nil {
		if _, ok := c.o.Config.Profile(profile); ok {
			return c.o.Config.Origin(profile)
		}
	}
	return awsconfig.Origin{}, fmt.Errorf("profile %q does not exist", profile)
}

func (c *Client) resolve(ctx context.Context, what string, limit time.Duration, get func(context.Context) (aws.Credentials, error)) (rolecache.Credentials, error) {
	call := &call{op: opCredentials, phase: c.o.Phase}
	ctx, cancel := context.WithTimeout(withCall(ctx, call), limit)
	defer cancel()
	keys, err := get(ctx)
	if c.adoptServerTime(call, err) {
		keys, err = get(ctx)
	}
	if err != nil {
		return rolecache.Credentials{}, call.chainFault(err, what)
	}
	return c.checked(call, keys, keys.AccountID)
}

// own gets a profile's credentials before any role.
func (c *Client) own(ctx context.Context, o awsconfig.Origin, tokenFile string, token ssotoken.Token, region string) (aws.Credentials, error) {
	switch o.Kind {
	case awsconfig.FromSSO:
		o.SSO.SSORegion = cmp.Or(token.Region, o.SSO.SSORegion)
		return c.ssoCredentials(ctx, o.SSO, tokenFile, token)
	case awsconfig.FromKeys:
		return aws.Credentials{
			AccessKeyID: o.Keys.AccessKeyID, SecretAccessKey: o.Keys.SecretAccessKey.Reveal(), SessionToken: o.Keys.SessionToken.Reveal(),
		}, nil
	case awsconfig.FromWebID:
		return c.webIdentity(ctx, o.WebIdentity, fmt.Sprintf("web_identity_token_file of profile %q", o.Profile), region)
	case awsconfig.FromLogin:
		return c.loginCredentials(ctx, o, region)
	case awsconfig.FromProcess:
		return newProcess(o.Process).Retrieve(ctx)
	case awsconfig.FromEnv:
		keys := environmentKeys(c.o.Env)
		if !keys.HasKeys() {
			return keys, fmt.Errorf("profile %q takes its keys from the environment (credential_source), which has no %s and %s",
				o.Profile, env.AWSAccessKeyID.Name(), env.AWSSecretAccessKey.Name())
		}
		return keys, nil
	case awsconfig.FromECS:
		if containerURI(c.o.Env) == "" {
			return aws.Credentials{}, fmt.Errorf("profile %q takes its credentials from the container (credential_source), and neither %s nor %s is set",
				o.Profile, env.AWSContainerRelativeURI.Name(), env.AWSContainerFullURI.Name())
		}
		return c.container(ctx)
	case awsconfig.FromInstance:
		return c.instance(ctx)
	default: // as the AWS CLI does with a profile that names none
		return c.machine(ctx)
	}
}

// environmentKeys are the keys of the environment, both or none.
func environmentKeys(e env.Set) aws.Credentials {
	return aws.Credentials{
		AccessKeyID:     cmp.Or(e.Get(env.AWSAccessKeyID), e.Get(env.AWSAccessKey)),
		SecretAccessKey: cmp.Or(e.Get(env.AWSSecretAccessKey), e.Get(env.AWSSecretKey)),
		SessionToken:    cmp.Or(e.Get(env.AWSSecurityToken), e.Get(env.AWSSessionToken)),
	}
}

// assume takes the role with the credentials before it in the chain.
func (c *Client) assume(ctx context.Context, r awsconfig.Role, keys aws.Credentials, region string) (aws.Credentials, error) {
	if r.MFASerial != "" {
		return aws.Credentials{}, fmt.Errorf("profile %q needs an MFA code (mfa_serial), which cannot be entered here", r.Profile)
	}
	api, err := c.sts(region, credentials.StaticCredentialsProvider{Value: keys})
	if err != nil {
		return aws.Credentials{}, err
	}
	return stscreds.NewAssumeRoleProvider(api, r.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = r.SessionName
		o.Duration = max(r.Duration, o.Duration) // the default is the shortest that STS accepts
		if r.ExternalID != "" {
			o.ExternalID = &r.ExternalID
		}
	}).Retrieve(ctx)
}

// webIdentity takes a role with the token in a file. source names the setting that
// names the file.
func (c *Client) webIdentity(ctx context.Context, w awsconfig.WebIdentity, source, region string) (aws.Credentials, error) {
	token, err := readToken(w.TokenFile, source)
	if err != nil {
		return aws.Credentials{}, err
	}
	api, err := c.sts(region, anonymous())
	if err != nil {
		return aws.Credentials{}, err
	}
	return stscreds.NewWebIdentityRoleProvider(api, w.RoleARN, identityToken(token), func(o *stscreds.WebIdentityRoleOptions) {
		o.RoleSessionName = w.SessionName
	}).Retrieve(ctx)
}

// identityToken hands stscreds a token that has been read already.
type identityToken []byte

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (t identityToken) GetIdentityToken() ([]byte, error) { return t, nil }

// maxTokenFile bounds a token file. The SDK would read one without a bound, and
// wait for ever at a pipe.
const maxTokenFile = 1 << 20

func readToken(path, source string) ([]byte, error) {
	token, err := safefile.Read(path, maxTokenFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return token, nil
}

// chainFault words a failure on the way to credentials. what names whose they are.
func (c *call) chainFault(err error, what string) error {
	var process *processError
	if errors.As(err, &process) { // the SDK's text may hold what the program printed
		return &Fault{Kind: Other, Op: c.op, cause: what + ": " + process.Error(), Err: process}
	}
	own, ok := errors.AsType[*Fault](err)
	switch {
	case ok && own.Service != "" && c.notes().tries == 0:
		return own
	case ok, c.notes().tries > 0, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return c.fault(err)
	}
	return &Fault{Kind: Other, Op: c.op, cause: clean(plain(err)), Err: err}
}

// plain drops the SDK's wrapping and keeps the last word.
func plain(err error) string {
	if op := innermost(err); op != nil {
		err = op.Err
	}
	return err.Error()
}
