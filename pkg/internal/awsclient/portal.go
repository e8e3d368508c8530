package awsclient

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Account is an AWS account that the signed-in person may use. Name and Email
// are the server's text, not cleaned, and may be empty.
type Account struct{ ID, Name, Email string }

const (
	pageSize = 100 // the most that the portal takes
	maxPages = 200 // 20,000 rows; a server that never ends its list does not hold us
)

// ListAccounts lists the person's accounts, in the portal's order. Each page is a
// call with its own deadline. Errors: *Fault.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_ListAccounts.html
func (c *Client) ListAccounts(ctx context.Context, region string, token secret.Secret) ([]Account, error) {
	var list []Account
	err := c.pages(ctx, region, "ListAccounts", func(ctx context.Context, api *sso.Client, next *string) (*string, error) {
		out, err := api.ListAccounts(ctx, &sso.ListAccountsInput{
			AccessToken: aws.String(token.Reveal()), MaxResults: aws.Int32(pageSize), NextToken: next,
		})
		if err != nil {
			return nil, err
		}
		for _, a := range out.AccountList {
			list = append(list, Account{aws.ToString(a.AccountId), aws.ToString(a.AccountName), aws.ToString(a.EmailAddress)})
		}
		return out.NextToken, nil
	})
	return list, err
}

// ListRoles lists the names of the person's roles in an account, in the portal's
// order. Errors: *Fault.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_ListAccountRoles.html
func (c *Client) ListRoles(ctx context.Context, region string, token secret.Secret, account string) ([]string, error) {
	var list []string
	err := c.pages(ctx, region, "ListAccountRoles", func(ctx context.Context, api *sso.Client, next *string) (*string, error) {
		out, err := api.ListAccountRoles(ctx, &sso.ListAccountRolesInput{
			AccessToken: aws.String(token.Reveal()), AccountId: &account, MaxResults: aws.Int32(pageSize), NextToken: next,
		})
		if err != nil {
			return nil, err
		}
		for _, r := range out.RoleList {
			list = append(list, aws.ToString(r.RoleName))
		}
		return out.NextToken, nil
	})
	return list, err
}

func (c *Client) pages(ctx context.Context, region, op string, page func(context.Context, *sso.Client, *string) (*string, error)) error {
	api, err := c.portal(region)
	if err != nil {
		return err
	}
	var next *string
	for range maxPages {
		if next, err = c.page(ctx, api, op, next, page); err != nil {
			return err
		}
		if aws.ToString(next) == "" {
			return nil
		}
	}
	return &Fault{Kind: BadAnswer, Service: portalService.name, Op: op, cause: portalService.name + " " + op + " never ends"}
}

func (c *Client) page(ctx context.Context, api *sso.Client, op string, next *string, page func(context.Context, *sso.Client, *string) (*string, error)) (*string, error) {
	ctx, call, cancel := c.begin(ctx, portalService.name, op, always)
	defer cancel()
	next, err := page(ctx, api, next)
	return next, call.fault(err)
}

// Logout ends the session of an access token at the portal; role credentials
// already issued live on. Errors: *Fault; Unauthorized means that there was
// nothing left to end.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_Logout.html
func (c *Client) Logout(ctx context.Context, region string, token secret.Secret) error {
	api, err := c.portal(region)
	if err != nil {
		return err
	}
	ctx, call, cancel := c.begin(ctx, portalService.name, "Logout", always)
	defer cancel()
	_, err = api.Logout(ctx, &sso.LogoutInput{AccessToken: aws.String(token.Reveal())})
	return call.fault(err)
}
