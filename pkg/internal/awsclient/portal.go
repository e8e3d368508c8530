package awsclient

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Account is an AWS account assigned to the user. Name and Email come unsanitized from the
// server and may be empty.
type Account struct{ ID, Name, Email string }

const (
	pageSize = 100 // the portal's limit
	// MaxPages allows 20,000 rows. It protects against a server whose list never ends.
	MaxPages = 200
)

// ListAccounts lists the user's accounts in the portal's order. Each page is a call with
// its own deadline. It returns a *Fault.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_ListAccounts.html
func (c *Client) ListAccounts(ctx context.Context, region string, token secret.Secret) ([]Account, error) {
	return pages(func(next string) ([]Account, string, error) {
		return c.accountsPage(ctx, retryAlways, region, token, next)
	}, "ListAccounts")
}

// ListRoles lists the names of the user's roles in an account, in the portal's order. It
// returns a *Fault.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_ListAccountRoles.html
func (c *Client) ListRoles(ctx context.Context, region string, token secret.Secret, account string) ([]string, error) {
	return pages(func(next string) ([]string, string, error) {
		return c.rolesPage(ctx, retryAlways, region, token, account, next)
	}, "ListAccountRoles")
}

// AccountsPage returns one page of ListAccounts and the token for the next page ("" after
// the last one). It makes a single try: a caller with thousands of calls controls their
// rate, including retries. A response without a list, or with an unnamed entry, is a *Fault
// of kind Empty, because callers may remove what is not listed.
func (c *Client) AccountsPage(ctx context.Context, region string, token secret.Secret, page string) (list []Account, next string, err error) {
	list, next, err = c.accountsPage(ctx, retryNever, region, token, page)
	return list, next, cmp.Or(err, noList(list == nil || slices.ContainsFunc(list, func(a Account) bool { return a.ID == "" }), "ListAccounts"))
}

// RolesPage returns one page of ListRoles with a single try, like AccountsPage.
func (c *Client) RolesPage(ctx context.Context, region string, token secret.Secret, account, page string) (list []string, next string, err error) {
	list, next, err = c.rolesPage(ctx, retryNever, region, token, account, page)
	return list, next, cmp.Or(err, noList(list == nil || slices.Contains(list, ""), "ListAccountRoles"))
}

// noList returns the fault for a response without its list, or nil.
func noList(missing bool, op string) error {
	if !missing {
		return nil
	}
	return &Fault{Kind: Empty, Service: portalService.name, Op: op}
}

func (c *Client) accountsPage(ctx context.Context, retry policy, region string, token secret.Secret, page string) (list []Account, next string, err error) {
	api, err := c.portal(region)
	if err != nil {
		return nil, "", err
	}
	ctx, call, cancel := c.begin(ctx, portalService.name, "ListAccounts", retry)
	defer cancel()
	out, err := api.ListAccounts(ctx, &sso.ListAccountsInput{
		AccessToken: aws.String(token.Reveal()), MaxResults: aws.Int32(pageSize), NextToken: optional(page),
	})
	if err != nil {
		return nil, "", call.fault(err)
	}
	if out.AccountList != nil {
		list = []Account{}
	}
	for _, a := range out.AccountList {
		list = append(list, Account{aws.ToString(a.AccountId), aws.ToString(a.AccountName), aws.ToString(a.EmailAddress)})
	}
	return list, aws.ToString(out.NextToken), nil
}

func (c *Client) rolesPage(ctx context.Context, retry policy, region string, token secret.Secret, account, page string) (list []string, next string, err error) {
	api, err := c.portal(region)
	if err != nil {
		return nil, "", err
	}
	ctx, call, cancel := c.begin(ctx, portalService.name, "ListAccountRoles", retry)
	defer cancel()
	out, err := api.ListAccountRoles(ctx, &sso.ListAccountRolesInput{
		AccessToken: aws.String(token.Reveal()), AccountId: &account, MaxResults: aws.Int32(pageSize), NextToken: optional(page),
	})
	if err != nil {
		return nil, "", call.fault(err)
	}
	if out.RoleList != nil {
		list = []string{}
	}
	for _, r := range out.RoleList {
		list = append(list, aws.ToString(r.RoleName))
	}
	return list, aws.ToString(out.NextToken), nil
}

// pages collects all pages of a list.
func pages[T any](page func(next string) ([]T, string, error), op string) (all []T, err error) {
	next := ""
	for range MaxPages {
		var list []T
		if list, next, err = page(next); err != nil {
			return nil, err
		}
		if all = append(all, list...); next == "" {
			return all, nil
		}
	}
	return nil, TooManyPages(op)
}

// TooManyPages is the error for a list with more than MaxPages pages.
func TooManyPages(op string) error {
	return &Fault{Kind: BadResponse, Service: portalService.name, Op: op, cause: portalService.name + " " + op + " returned too many pages"}
}

// Logout ends an access token's session at the portal. Role credentials stay valid until
// they expire. It returns a *Fault, with Kind Unauthorized if the session had already
// ended. https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_Logout.html
func (c *Client) Logout(ctx context.Context, region string, token secret.Secret) error {
	api, err := c.portal(region)
	if err != nil {
		return err
	}
	ctx, call, cancel := c.begin(ctx, portalService.name, "Logout", retryAlways)
	defer cancel()
	_, err = api.Logout(ctx, &sso.LogoutInput{AccessToken: aws.String(token.Reveal())})
	return call.fault(err)
}

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
