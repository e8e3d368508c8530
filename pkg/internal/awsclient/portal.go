package awsclient

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Account is an AWS account that is assigned to the user. Name and Email are the server's
// text, not cleaned, and may be empty.
type Account struct{ ID, Name, Email string }

const (
	pageSize = 100 // the portal's limit
	// MaxPages is 20,000 rows. It ends the list of a server that never does.
	MaxPages = 200
)

// ListAccounts lists the user's accounts in the portal's order. Each page is a call with
// its own deadline. Errors: *Fault.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_ListAccounts.html
func (c *Client) ListAccounts(ctx context.Context, region string, token secret.Secret) ([]Account, error) {
	return pages(func(next string) ([]Account, string, error) {
		return c.accountsPage(ctx, retryAlways, region, token, next)
	}, "ListAccounts")
}

// ListRoles lists the names of the user's roles in an account in the portal's order. Errors: *Fault.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_ListAccountRoles.html
func (c *Client) ListRoles(ctx context.Context, region string, token secret.Secret, account string) ([]string, error) {
	return pages(func(next string) ([]string, string, error) {
		return c.rolesPage(ctx, retryAlways, region, token, account, next)
	}, "ListAccountRoles")
}

// AccountsPage is one page of ListAccounts, and the token of the next page, "" after the
// last. It is one try: a caller with thousands of calls sets their pace, retries included.
// An answer without a list, or with an entry without a name, is a *Fault of kind Empty: the
// caller may remove what is not listed.
func (c *Client) AccountsPage(ctx context.Context, region string, token secret.Secret, page string) (list []Account, next string, err error) {
	list, next, err = c.accountsPage(ctx, retryNever, region, token, page)
	return list, next, cmp.Or(err, noList(list == nil || slices.ContainsFunc(list, func(a Account) bool { return a.ID == "" }), "ListAccounts"))
}

// RolesPage is one page of ListRoles, in one try like AccountsPage.
func (c *Client) RolesPage(ctx context.Context, region string, token secret.Secret, account, page string) (list []string, next string, err error) {
	list, next, err = c.rolesPage(ctx, retryNever, region, token, account, page)
	return list, next, cmp.Or(err, noList(list == nil || slices.Contains(list, ""), "ListAccountRoles"))
}

// noList returns the fault of an answer without its list, nil if it has one.
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
	return nil, NeverEnds(op)
}

// NeverEnds is the error of a list with more than MaxPages pages.
func NeverEnds(op string) error {
	return &Fault{Kind: BadAnswer, Service: portalService.name, Op: op, cause: portalService.name + " " + op + " returned too many pages"}
}

// Logout ends the session of an access token at the portal. Role credentials stay valid
// until they expire. Errors: *Fault; Unauthorized: the session had ended already.
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_Logout.html
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
