package populate

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// listed is the number of accounts of TestListingFollowsRateLimit. `make test-full` lists
// 1,000.
var listed = flag.Int("accounts", 300, "accounts of TestListingFollowsRateLimit")

// With 3 roles for each account and a portal that allows 10 calls per second with a burst of
// 20, the listing has no failures. It takes no more than 10% longer than the rate requires.
func TestListingFollowsRateLimit(t *testing.T) {
	for name, c := range map[string]struct {
		rate       float64
		burst      int
		retryAfter string
	}{
		"10 a second":                 {10, 20, ""},
		"10 a second and Retry-After": {10, 20, "1"},
		"3 a second":                  {3, 5, ""},
		"20 a second":                 {20, 20, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrganization(t)
				o.aws.AddOrganization(*listed, "Push", "ReadOnly", "Admin")
				o.aws.Limit(awstest.Portal, c.rate, c.burst, c.retryAfter)
				start := time.Now()
				if err := o.run(); err != nil {
					t.Fatal(err)
				}
				took := time.Since(start)
				calls := float64(*listed + *listed/100) // pages of 100 accounts
				least := time.Duration((calls - float64(c.burst)) / c.rate * float64(time.Second))
				refused := o.aws.Calls(awstest.Portal) - int(calls)
				t.Logf("%v, the rate allows %v; %d calls refused", took, least, refused)
				if took > least+least/10 {
					t.Errorf("took %v, the rate allows %v", took, least)
				}
				if refused > 50+int(calls)/5 {
					t.Errorf("%d calls were refused", refused)
				}
				if n := strings.Count(o.config(), "[profile "); n != 3**listed {
					t.Errorf("%d profiles", n)
				}
			})
		})
	}
}

// A listing completes after any failure that ends within ten minutes.
func TestListingSurvivesFailures(t *testing.T) {
	for name, fault := range map[string]awstest.Fault{
		"throttling":              {Kind: awstest.Throttle, Times: 40},
		"throttling for a minute": {Kind: awstest.Throttle, Times: 5, RetryAfter: "60"},
		"server error":            {Kind: awstest.Status, Status: 503, Times: 30},
		"half an answer":          {Kind: awstest.Cut, Times: 30},
		"captive portal":          {Kind: awstest.HTML, Times: 30},
		"no JSON":                 {Kind: awstest.Garbage, Times: 30},
		"answer without a list":   {Kind: awstest.EmptyObject, Times: 30},
		"null":                    {Kind: awstest.NullFields, Times: 30},
		"large answer":            {Kind: awstest.Giant, Size: 4 << 20, Times: 3},
	} {
		for _, op := range []awstest.Op{awstest.ListAccounts, awstest.ListAccountRoles} {
			t.Run(name+" of "+string(op), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := newOrganization(t)
					o.aws.AddOrganization(40, "Push")
					o.aws.Fail(op, fault)
					if err := o.run(); err != nil {
						t.Fatal(err)
					}
					o.expect("~/config: 40 profiles added, 0 already there, 0 removed")
				})
			})
		}
	}
}

// A listing ends after ten minutes without a success. The next run continues it.
func TestListingStallTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrganization(t)
		o.aws.AddOrganization(100, "Push")
		o.aws.Limit(awstest.Portal, 10, 20, "")
		time.AfterFunc(5*time.Second, func() { o.aws.Fail(awstest.Portal, awstest.Fault{Kind: awstest.Throttle, RetryAfter: "3600"}) })
		start := time.Now()
		err := o.run()
		unfinished, ok := errors.AsType[*UnfinishedError](err)
		if !ok || unfinished.Done < 40 || unfinished.All != 100 || !strings.Contains(err.Error(), "nothing succeeded for 10m0s: ") {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("took %v", took)
		}
		if o.config() != "" {
			t.Error("profiles of an unfinished listing were written")
		}
		o.aws.ClearFaults()
		o.aws.ResetLog()
		if err := o.run(); err != nil {
			t.Fatal(err)
		}
		if n := o.aws.Calls(awstest.ListAccountRoles); n > 100-unfinished.Done+20 {
			t.Errorf("%d calls, although %d accounts were listed before", n, unfinished.Done)
		}
		o.expect("~/config: 100 profiles added, 0 already there, 0 removed")
		if _, err := os.Stat(o.in.Checkpoint); !os.IsNotExist(err) {
			t.Error("leftover checkpoint of a finished listing")
		}
	})
}

func TestListingCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrganization(t)
		o.aws.AddOrganization(100, "Push")
		o.aws.Limit(awstest.Portal, 10, 20, "")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		o.in.Config = &awsconfig.Config{Paths: awsconfig.Paths{Config: filepath.Join(o.dir, "config")}}
		if err := Run(ctx, o.in); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestListingSessionEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrganization(t)
		o.aws.AddOrganization(100, "Push")
		o.aws.Limit(awstest.Portal, 10, 20, "")
		time.AfterFunc(5*time.Second, o.aws.RevokeSession)
		err := o.run()
		if unfinished, ok := errors.AsType[*UnfinishedError](err); !ok || unfinished.Done == 0 || !strings.HasSuffix(err.Error(), "session ended") {
			t.Fatal(err)
		}
		// A new sign-in starts over, because it may be a different user's.
		o.in.SignIn = "b"
		token := secret.New(o.aws.SignIn(startURL, region, true).AccessToken)
		o.in.Token = func(context.Context, secret.Secret) (secret.Secret, error) { return token, nil }
		o.aws.ResetLog()
		if err := o.run(); err != nil || o.aws.Calls(awstest.ListAccountRoles) < 100 {
			t.Errorf("%v, %d calls", err, o.aws.Calls(awstest.ListAccountRoles))
		}
	})
}

// An account that fails while other accounts succeed does not delay them. The run reports
// the failed account and removes nothing.
func TestOneAccountFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrganization(t)
		o.aws.AddOrganization(30, "Push")
		portal := o.in.Portal
		o.in.Portal = failing{portal, awstest.OrganizationAccount(7)}
		o.in.Prune = true
		o.put("[profile gone]\nsso_session = corp\nsso_account_id = 999999999999\nsso_role_name = Push\necr_sso_generated = corp\n")
		err := o.run()
		if err == nil || !strings.HasPrefix(err.Error(), "listed 29 of 30 accounts: the roles of account 100000000007: ") {
			t.Fatal(err)
		}
		o.expect("~/config: 29 profiles added, 0 already there, 0 removed")
		o.in.Portal = portal
		if err := o.run(); err != nil {
			t.Fatal(err)
		}
		o.expect("~/config: 1 profile added, 29 already there, 1 removed")
	})
}

type failing struct {
	Portal
	account string
}

func (f failing) RolesPage(ctx context.Context, region string, token secret.Secret, account, page string) ([]string, string, error) {
	if account == f.account {
		return nil, "", &awsclient.Fault{Kind: awsclient.Server, Status: 500, Host: "portal"}
	}
	return f.Portal.RolesPage(ctx, region, token, account, page)
}
