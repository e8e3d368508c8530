package awsclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// processTimeout is the time limit of a credential_process, which may call other services.
const processTimeout = 30 * time.Second

// ProfileCredentials gets the credentials of any kind of profile. awsconfig resolves the
// profile and passes its values to the SDK's providers. token is the valid token of the
// profile's SSO session, read from tokenFile. Both are empty if there is no session.
// region is the STS region if neither the environment nor the profile specifies one.
// Expiration is zero if the credentials do not expire. It returns a *Fault. Kind Expired
// with Service "signin" means that the profile's `aws login` session is missing or has
// ended.
func (c *Client) ProfileCredentials(ctx context.Context, profile, tokenFile string, token awscache.Token, region string) (awscache.Credentials, error) {
	c, err := c.WithProfile(profile)
	if err != nil {
		return awscache.Credentials{}, err
	}
	origin, err := c.origin(profile)
	if err != nil {
		return awscache.Credentials{}, &Fault{Kind: Other, Op: opCredentials, cause: clean(err.Error()), Err: err}
	}
	limit := c.o.Phase
	if origin.Kind == awsconfig.FromProcess {
		limit = processTimeout
	}
	return c.resolve(ctx, fmt.Sprintf("profile %q", profile), limit, func(ctx context.Context) (aws.Credentials, error) {
		keys, err := c.sourceCredentials(ctx, origin, tokenFile, token, region)
		for _, role := range origin.Roles {
			if err == nil {
				keys, err = c.assumeRole(ctx, role, keys, region)
			}
		}
		return keys, err
	})
}

// ChainCredentials gets credentials from the environment or the machine. It tries keys, a
// web identity, the container and the instance, in this order. It calls the instance
// metadata service once, with a time limit of one second. If
// AWS_EC2_METADATA_DISABLED=true, it does not call this service. region is the STS region
// if the environment does not specify one. It returns a *Fault, with Kind NoCredentials
// if there are no credentials.
func (c *Client) ChainCredentials(ctx context.Context, region string) (awscache.Credentials, error) {
	return c.resolve(ctx, "default credential chain", c.o.Phase, func(ctx context.Context) (aws.Credentials, error) {
		e := c.o.Env
		if keys := environmentKeys(e); keys.HasKeys() {
			return keys, nil
		}
		if origin, ok := c.environmentIdentity(); ok {
			return c.webIdentity(ctx, origin, region)
		}
		return c.machineCredentials(ctx)
	})
}

// environmentIdentity returns the web identity in the environment. Its origin has no
// profile.
func (c *Client) environmentIdentity() (awsconfig.Origin, bool) {
	e := c.o.Env
	file, role := e.Get(env.AWSWebIdentityTokenFile), e.Get(env.AWSRoleARN)
	return awsconfig.Origin{Kind: awsconfig.FromWebID, WebIdentity: awsconfig.WebIdentity{
		TokenFile: file, RoleARN: role, SessionName: e.Get(env.AWSRoleSessionName),
	}}, file != "" && role != ""
}

// CheckSource returns the error of ProfileCredentials, or for profile "" of
// ChainCredentials, if it is known without a call or a program: the source of the
// credentials is a file that cannot be read, or a variable that is not set.
func (c *Client) CheckSource(profile string) error {
	c, err := c.WithProfile(profile)
	if err != nil {
		return err
	}
	origin, ok := c.environmentIdentity()
	if profile != "" {
		origin, err = c.origin(profile)
	} else if !ok || environmentKeys(c.o.Env).HasKeys() {
		return nil
	}
	if err == nil {
		err = c.checkVariables(origin)
	}
	if err == nil && origin.Kind == awsconfig.FromWebID {
		_, err = c.tokenOf(origin)
	}
	if err != nil {
		return (&call{op: opCredentials}).credentialsFault(err, profile)
	}
	return nil
}

// checkVariables returns an error if credential_source names a source that the environment
// does not have.
func (c *Client) checkVariables(o awsconfig.Origin) error {
	switch {
	case o.Kind == awsconfig.FromEnv && !environmentKeys(c.o.Env).HasKeys():
		return withFix(fmt.Errorf("profile %q takes its keys from the environment (credential_source), which has no %s and %s",
			o.Profile, env.AWSAccessKeyID.Name(), env.AWSSecretAccessKey.Name()), c.o.editCommand())
	case o.Kind == awsconfig.FromECS && containerURI(c.o.Env) == "":
		return withFix(fmt.Errorf("profile %q takes its credentials from the container (credential_source), and neither %s nor %s is set",
			o.Profile, env.AWSContainerRelativeURI.Name(), env.AWSContainerFullURI.Name()), c.o.editCommand())
	case o.Kind == awsconfig.FromInstance && c.o.Env.True(env.AWSEC2MetadataDisabled):
		return &Fault{
			Kind: Other, Service: "imds", Op: opCredentials, Variable: env.AWSEC2MetadataDisabled.Name(),
			cause: fmt.Sprintf("profile %q takes its credentials from the instance (credential_source), and %s is true", o.Profile, env.AWSEC2MetadataDisabled.Name()),
		}
	}
	return nil
}

const opCredentials = "credentials"

// origin returns the source of the profile's credentials.
func (c *Client) origin(profile string) (awsconfig.Origin, error) {
	if c.o.Config != nil {
		if _, ok := c.o.Config.Profile(profile); ok {
			return c.o.Config.Origin(profile)
		}
	}
	return awsconfig.Origin{}, fmt.Errorf("profile %q does not exist", profile)
}

func (c *Client) resolve(ctx context.Context, what string, limit time.Duration, get func(context.Context) (aws.Credentials, error)) (awscache.Credentials, error) {
	call := &call{op: opCredentials, tryLimit: c.o.Retries.try, pace: c.o.pace}
	ctx, cancel := context.WithTimeout(withCall(ctx, call), limit)
	defer cancel()
	keys, err := get(ctx)
	if err != nil && c.adoptServerTime(call.fault(err)) {
		keys, err = get(ctx)
	}
	if err != nil {
		return awscache.Credentials{}, call.credentialsFault(err, what)
	}
	return c.roleCredentials(call, keys, keys.AccountID)
}

// sourceCredentials gets a profile's source credentials, before any roles are assumed.
func (c *Client) sourceCredentials(ctx context.Context, o awsconfig.Origin, tokenFile string, token awscache.Token, region string) (aws.Credentials, error) {
	if err := c.checkVariables(o); err != nil {
		return aws.Credentials{}, err
	}
	switch o.Kind {
	case awsconfig.FromSSO:
		o.SSO.SSORegion = cmp.Or(token.Region, o.SSO.SSORegion)
		return c.ssoCredentials(ctx, o.SSO, tokenFile, token)
	case awsconfig.FromKeys:
		return aws.Credentials{
			AccessKeyID: o.Keys.AccessKeyID, SecretAccessKey: o.Keys.SecretAccessKey.Reveal(), SessionToken: o.Keys.SessionToken.Reveal(),
		}, nil
	case awsconfig.FromWebID:
		return c.webIdentity(ctx, o, region)
	case awsconfig.FromLogin:
		return c.loginCredentials(ctx, o, region)
	case awsconfig.FromProcess:
		return newProcess(c.o.Env, o.Process, !c.o.Unattended).Retrieve(ctx)
	case awsconfig.FromEnv:
		return environmentKeys(c.o.Env), nil
	case awsconfig.FromECS:
		return c.containerCredentials(ctx)
	case awsconfig.FromInstance:
		return c.instanceCredentials(ctx)
	default: // a profile without credentials, as in the AWS CLI
		return c.machineCredentials(ctx)
	}
}

// environmentKeys returns the keys in the environment.
func environmentKeys(e env.Set) aws.Credentials {
	return aws.Credentials{
		AccessKeyID:     cmp.Or(e.Get(env.AWSAccessKeyID), e.Get(env.AWSAccessKey)),
		SecretAccessKey: cmp.Or(e.Get(env.AWSSecretAccessKey), e.Get(env.AWSSecretKey)),
		SessionToken:    cmp.Or(e.Get(env.AWSSecurityToken), e.Get(env.AWSSessionToken)),
	}
}

// assumeRole assumes a role with the preceding credentials in the chain.
func (c *Client) assumeRole(ctx context.Context, r awsconfig.Role, keys aws.Credentials, region string) (aws.Credentials, error) {
	if r.MFASerial != "" {
		return aws.Credentials{}, fmt.Errorf("profile %q needs an MFA code (mfa_serial), which cannot be entered here", r.Profile)
	}
	api, err := c.sts(region, credentials.StaticCredentialsProvider{Value: keys})
	if err != nil {
		return aws.Credentials{}, err
	}
	return stscreds.NewAssumeRoleProvider(api, r.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = r.SessionName
		o.Duration = max(r.Duration, o.Duration) // the default is the minimum that STS accepts
		if r.ExternalID != "" {
			o.ExternalID = &r.ExternalID
		}
	}).Retrieve(ctx)
}

// webIdentity assumes a role with the token in a file.
func (c *Client) webIdentity(ctx context.Context, o awsconfig.Origin, region string) (aws.Credentials, error) {
	token, err := c.tokenOf(o)
	if err != nil {
		return aws.Credentials{}, err
	}
	return c.assumeWithToken(ctx, o.WebIdentity.RoleARN, o.WebIdentity.SessionName, token, region)
}

// tokenOf reads the token of a web identity. Its error names the setting with the file's
// name.
func (c *Client) tokenOf(o awsconfig.Origin) ([]byte, error) {
	if o.Profile == "" {
		variable := env.AWSWebIdentityTokenFile.Name()
		return readToken(o.WebIdentity.TokenFile, variable, hint.UnsetCommand(variable))
	}
	return readToken(o.WebIdentity.TokenFile, fmt.Sprintf("web_identity_token_file of profile %q", o.Profile), c.o.editCommand())
}

// WebIdentityCredentials assumes a role with an OIDC token. It returns a *Fault, with Kind
// Denied if STS does not accept the token for the role.
func (c *Client) WebIdentityCredentials(ctx context.Context, roleARN, sessionName string, token secret.Secret, region string) (awscache.Credentials, error) {
	creds, err := c.resolve(ctx, "web identity", c.o.Phase, func(ctx context.Context) (aws.Credentials, error) {
		return c.assumeWithToken(ctx, roleARN, sessionName, identityToken(token.Reveal()), region)
	})
	// AWS repeats an invalid value in its message: "Value '...' at 'webIdentityToken' failed".
	begin := token.Reveal()[:min(len(token.Reveal()), 16)]
	if f, ok := errors.AsType[*Fault](err); ok && strings.Contains(f.Message, begin) {
		f.Message = "the message of the service contains the token"
	}
	return creds, err
}

func (c *Client) assumeWithToken(ctx context.Context, roleARN, sessionName string, token identityToken, region string) (aws.Credentials, error) {
	api, err := c.sts(region, anonymous())
	if err != nil {
		return aws.Credentials{}, err
	}
	return stscreds.NewWebIdentityRoleProvider(api, roleARN, token, func(o *stscreds.WebIdentityRoleOptions) {
		o.RoleSessionName = sessionName
	}).Retrieve(ctx)
}

// identityToken is an OIDC token that has already been read.
type identityToken []byte

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (t identityToken) GetIdentityToken() ([]byte, error) { return t, nil }

// maxTokenFile is the maximum size of a token file, in bytes. The SDK has no size limit
// and would wait forever on a named pipe.
const maxTokenFile = 1 << 20

// readToken reads a token file. next is the command for a file that does not exist or is not
// a token file.
func readToken(path, source, next string) ([]byte, error) {
	token, err := safefile.Read(path, maxTokenFile)
	if errors.Is(err, fs.ErrPermission) {
		if _, command := safefile.Repair(path, ""); command != "" {
			next = command
		}
	}
	if err != nil {
		return nil, withFix(fmt.Errorf("%s: %w", source, err), next)
	}
	return token, nil
}

func withFix(err error, command string) error {
	if command == "" {
		return err
	}
	return hint.With(err, command)
}

// credentialsFault converts a failure to get credentials to a Fault. what is the profile or
// the chain.
func (c *call) credentialsFault(err error, what string) error {
	var process *processError
	if errors.As(err, &process) { // the SDK's text may contain the program's output
		return &Fault{Kind: Other, Op: c.op, cause: what + ": " + process.Error(), Err: process}
	}
	own, ok := errors.AsType[*Fault](err)
	switch {
	case ok && own.Service != "" && (c.notes().tries == 0 || own.Service == signinService.name):
		return own
	case ok, c.notes().tries > 0, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return c.fault(err)
	}
	fix := ""
	if e, ok := errors.AsType[*hint.Error](err); ok {
		err, fix = e.Err, e.Next[0]
	}
	return &Fault{Kind: Other, Op: c.op, cause: clean(withoutSDK(err)), Fix: fix, Err: err}
}

// withoutSDK returns the cause inside an SDK error.
func withoutSDK(err error) string {
	if op := innermost(err); op != nil {
		err = op.Err
	}
	return err.Error()
}
