package awsclient

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
)

// SSOUser returns the name of the IAM Identity Center user that role credentials belong to.
// Portal responses do not contain it, but it is the role session name, the last part of the
// ARN. The call requires no permission. The error is a *Fault.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (c *Client) SSOUser(ctx context.Context, region string, keys awscache.Credentials) (string, error) {
	provider := credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey.Reveal(), keys.SessionToken.Reveal())
	api, err := c.sts(region, provider)
	if err != nil {
		return "", err
	}
	ctx, call, cancel := c.begin(ctx, "sts", "GetCallerIdentity", retryNever)
	defer cancel()
	call.json = false
	out, err := api.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", call.fault(err)
	}
	arn := aws.ToString(out.Arn)
	return clean(arn[strings.LastIndexByte(arn, '/')+1:]), nil
}
