package awstest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/sso/types"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestListPagination(t *testing.T) {
	a := start(t, awstest.Options{})
	for i := range 45 {
		a.AddAccount(fmt.Sprintf("1000000000%02d", i), "", "")
	}
	c := sso.NewFromConfig(config(t, a))
	token := a.SignIn(startURL, region, true).AccessToken
	for size, calls := range map[int32]int{1: 46, 7: 7, 45: 2, 46: 1, 100: 1} {
		a.ResetLog()
		seen := map[string]bool{}
		p := sso.NewListAccountsPaginator(c, &sso.ListAccountsInput{AccessToken: &token, MaxResults: aws.Int32(size)})
		for p.HasMorePages() {
			out := must(p.NextPage(t.Context()))
			for _, acct := range out.AccountList {
				seen[*acct.AccountId] = true
			}
		}
		if len(seen) != 46 || a.Calls(awstest.ListAccounts) != calls {
			t.Errorf("page size %d: %d accounts in %d calls, want 46 in %d", size, len(seen), a.Calls(awstest.ListAccounts), calls)
		}
	}
	for _, size := range []int32{0, 101} {
		if _, err := c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &token, MaxResults: &size}); code(err) != "InvalidRequestException" {
			t.Errorf("max_result %d: %v", size, err)
		}
	}
	if _, err := c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &token, NextToken: aws.String("x")}); code(err) != "InvalidRequestException" {
		t.Errorf("unknown next_token: %v", err)
	}
	roles := must(c.ListAccountRoles(t.Context(), &sso.ListAccountRolesInput{AccessToken: &token, AccountId: aws.String(acct)}))
	if len(roles.RoleList) != 2 || *roles.RoleList[0].RoleName != "Admin" {
		t.Errorf("roles %v", roles.RoleList)
	}
}

func TestRoleCredentials(t *testing.T) {
	a := start(t, awstest.Options{})
	c := sso.NewFromConfig(config(t, a))
	s := a.SignIn(startURL, region, true)
	get := func(account, role string) (*types.RoleCredentials, error) {
		out, err := c.GetRoleCredentials(t.Context(), &sso.GetRoleCredentialsInput{AccessToken: &s.AccessToken, AccountId: &account, RoleName: &role})
		if err != nil {
			return nil, err
		}
		return out.RoleCredentials, nil
	}
	first, second := must(get(acct, "Push")), must(get(acct, "Push"))
	if *first.AccessKeyId == *second.AccessKeyId {
		t.Error("the access key ID did not change")
	}
	if left := time.Until(time.UnixMilli(first.Expiration)); left < 59*time.Minute || left > time.Hour {
		t.Errorf("%v left", left)
	}
	for _, row := range [][2]string{{acct, "Nope"}, {"999999999999", "Push"}} {
		if _, err := get(row[0], row[1]); code(err) != "ForbiddenException" {
			t.Errorf("%v: %v", row, err)
		}
	}
	a.DenyRole(acct, "Push")
	if _, err := get(acct, "Push"); code(err) != "ForbiddenException" {
		t.Errorf("denied role: %v", err)
	}
	a.ClearFaults()
	must(get(acct, "Push"))
	if got := a.Log()[0]; got.Key != acct+"/Push/"+region || got.Status != 200 || got.Host != "portal.sso.eu-west-1.amazonaws.com" {
		t.Errorf("log %+v", got)
	}
}

func TestAccessTokenExpires(t *testing.T) {
	for name, end := range map[string]func(*awstest.AWS){
		"after its lifetime": func(a *awstest.AWS) { a.Advance(61 * time.Minute) },
		"with its session":   (*awstest.AWS).ExpireSession,
		"when revoked":       (*awstest.AWS).RevokeSession,
		"after a century":    func(a *awstest.AWS) { a.Advance(100 * 365 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			a := start(t, awstest.Options{})
			c := sso.NewFromConfig(config(t, a))
			s := a.SignIn(startURL, region, true)
			must(c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &s.AccessToken}))
			end(a)
			_, err := c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &s.AccessToken})
			var no *types.UnauthorizedException
			if !errors.As(err, &no) || no.ErrorMessage() != "Session token not found or invalid" {
				t.Fatal(err)
			}
		})
	}
}

func TestLogoutEndsSession(t *testing.T) {
	a := start(t, awstest.Options{})
	c := sso.NewFromConfig(config(t, a))
	s := a.SignIn(startURL, region, true)
	must(c.Logout(t.Context(), &sso.LogoutInput{AccessToken: &s.AccessToken}))
	if _, err := c.Logout(t.Context(), &sso.LogoutInput{AccessToken: &s.AccessToken}); code(err) != "UnauthorizedException" {
		t.Fatal(err)
	}
}

func TestTokenFromAnotherRegionIsUnknown(t *testing.T) {
	a := start(t, awstest.Options{})
	s := a.SignIn("https://other.awsapps.com/start", "us-east-1", true)
	_, err := sso.NewFromConfig(config(t, a)).ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &s.AccessToken})
	if code(err) != "UnauthorizedException" {
		t.Fatal(err)
	}
}
