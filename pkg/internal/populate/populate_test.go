package populate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	startURL = "https://corp.awsapps.com/start"
	region   = "us-east-1"
)

// organization is a fake AWS without a network, with a signed-in session and a
// configuration file. It works inside synctest, whose clock advances when all goroutines
// are blocked.
type organization struct {
	t    *testing.T
	aws  *awstest.AWS
	dir  string
	said []string
	in   Input
}

func newOrganization(t *testing.T) *organization {
	t.Helper()
	a, err := awstest.New(awstest.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	a.AddInstance(startURL, region)
	o := &organization{t: t, aws: a, dir: t.TempDir()}
	transport := a.Transport()
	client, err := awsclient.New(awsclient.Options{Env: env.FromMap(nil), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); transport.CloseIdleConnections(); a.Close() })
	names, err := ParseTemplate("", DefaultTemplate, "")
	if err != nil {
		t.Fatal(err)
	}
	token := secret.New(a.SignIn(startURL, region, true).AccessToken)
	o.in = Input{
		Session: awsconfig.Session{Name: "corp", StartURL: startURL, Region: region}, Portal: client, Names: names, SignIn: "a",
		Checkpoint: filepath.Join(o.dir, "cache", "listing.json"),
		Token: func(_ context.Context, refused secret.Secret) (secret.Secret, error) {
			if !refused.Empty() {
				return secret.Secret{}, errors.New("session ended")
			}
			return token, nil
		},
		Say:    func(line string) { o.said = append(o.said, "- "+line) },
		Answer: func(line string) { o.said = append(o.said, strings.ReplaceAll(line, o.dir, "~")) },
	}
	return o
}

// run loads the configuration and calls Run.
func (o *organization) run() error {
	o.t.Helper()
	o.said = nil
	config, err := awsconfig.Load(awsconfig.Paths{Config: filepath.Join(o.dir, "config")})
	if err != nil {
		o.t.Fatal(err)
	}
	in := o.in
	in.Config = config
	if _, ok := config.Session("corp"); !ok {
		in.SessionKeys = []awsconfig.Key{{Name: "sso_start_url", Value: startURL}, {Name: "sso_region", Value: region}}
	}
	return Run(o.t.Context(), in)
}

func (o *organization) config() string {
	text, err := os.ReadFile(filepath.Join(o.dir, "config"))
	if err != nil && !os.IsNotExist(err) {
		o.t.Fatal(err)
	}
	return string(text)
}

func (o *organization) expect(want ...string) {
	o.t.Helper()
	if diff := cmp.Diff(want, o.said); diff != "" {
		o.t.Error(diff)
	}
}

func (o *organization) put(text string) {
	if err := os.WriteFile(filepath.Join(o.dir, "config"), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func TestProfilesAndSecondRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrganization(t)
		o.aws.AddAccount("111111111111", "Prod / EU", "p@example.com", "Push", "ReadOnly")
		o.aws.AddAccount("222222222222", "", "", "Push")
		// role_arn takes precedence over the SSO keys, so the second profile is not a
		// profile for Push.
		const mine = "# mine\n[profile mine]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Push\n\n" +
			"[profile assumes]\nrole_arn = arn:aws:iam::333333333333:role/x\nsource_profile = assumes\nsso_session = corp\nsso_account_id = 222222222222\nsso_role_name = Push\n" +
			"[profile Push-222222222222]\nregion = x\n"
		o.put(mine)
		o.in.Region = "eu-west-1"
		if err := o.run(); err != nil {
			t.Fatal(err)
		}
		want := mine + `[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
[profile ReadOnly-111111111111]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = ReadOnly
region = eu-west-1
ecr_sso_generated = corp
[profile Push-222222222222-2]
sso_session = corp
sso_account_id = 222222222222
sso_role_name = Push
region = eu-west-1
ecr_sso_generated = corp
`
		if diff := cmp.Diff(want, o.config()); diff != "" {
			t.Error(diff)
		}
		o.expect("~/config: 2 profiles added, 1 already there, 0 removed",
			`no preferred role in 1 of 2 accounts ("Push" is a role in 2); run: docker-credential-ecr-sso map --role Push`)
		for _, region := range []string{"eu-west-1", "us-west-2"} {
			o.in.Region = region
			o.in.Prune = true
			if err := o.run(); err != nil || o.config() != want {
				t.Errorf("%v\n%s", err, o.config())
			}
		}
	})
}

// marked returns a profile created by an earlier run.
func marked(name, account, role, session string) string {
	return fmt.Sprintf("[profile %s]\nsso_session = corp\nsso_account_id = %s\nsso_role_name = %s\necr_sso_generated = %s\n", name, account, role, session)
}

// For roles that are no longer assigned, --prune removes the profiles created by an
// earlier run. It keeps profiles created by the user and source profiles of other
// profiles.
func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrganization(t)
		o.aws.AddAccount("333333333333", "", "", "Push")
		o.put("[profile mine]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Push\n\n[profile Push-222222222222]\nregion = x\n" +
			marked("ReadOnly-111111111111", "111111111111", "ReadOnly", "corp") + marked("Push-222222222222-2", "222222222222", "Push", "corp") +
			"[profile child]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = ReadOnly-111111111111\n")
		o.in.DryRun = true
		if err := o.run(); err != nil {
			t.Fatal(err)
		}
		o.expect(`add profile Push-333333333333 (role Push in account 333333333333 "")`,
			"keep profile Push-222222222222-2 (role Push in account 222222222222 is no longer assigned to you; --prune removes it)",
			"1 profile to add, 0 already there, 0 to remove (dry run: no changes)")
		o.in.DryRun, o.in.Prune = false, true
		if err := o.run(); err != nil {
			t.Fatal(err)
		}
		o.expect("~/config: 1 profile added, 0 already there, 1 removed")
		for name, there := range map[string]bool{"mine": true, "Push-222222222222": true, "Push-222222222222-2": false,
			"ReadOnly-111111111111": true, "Push-333333333333": true} {
			if strings.Contains(o.config(), "[profile "+name+"]") != there {
				t.Errorf("%s: got %v", name, !there)
			}
		}
	})
}

// With globs, accounts that were not listed keep their profiles.
func TestPruneWithGlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrganization(t)
		o.aws.AddAccount("111111111111", "dev", "", "Push")
		o.aws.AddAccount("222222222222", "prod", "", "Push", "ReadOnly")
		o.put(marked("not-listed", "111111111111", "Gone", "corp") + marked("not-matched", "222222222222", "ReadOnly", "corp") +
			marked("gone", "222222222222", "Gone", "corp") + marked("account-gone", "333333333333", "Push", "corp") + marked("other", "333333333333", "Other", "other") +
			"[profile unmarked]\nsso_session = corp\nsso_account_id = 333333333333\nsso_role_name = Third\n")
		o.in.Accounts, o.in.Roles, o.in.Prune = []string{"pro?"}, []string{"Pus*"}, true
		if err := o.run(); err != nil {
			t.Fatal(err)
		}
		var left []string
		for line := range strings.Lines(o.config()) {
			if name, ok := strings.CutPrefix(line, "[profile "); ok {
				left = append(left, strings.TrimSuffix(name, "]\n"))
			}
		}
		if diff := cmp.Diff([]string{"not-listed", "not-matched", "other", "unmarked", "Push-222222222222"}, left); diff != "" {
			t.Error(diff)
		}
		if n := o.aws.Calls(awstest.ListAccountRoles); n != 1 {
			t.Errorf("%d calls for one account that matches", n)
		}
	})
}

// The output shows a pattern that matches nothing, because it may have a typo.
func TestPatternsThatMatchNothing(t *testing.T) {
	for name, c := range map[string]struct {
		accounts, roles []string
		none            bool // no account is assigned
		want            string
	}{
		"accounts":              {accounts: []string{"porduction", "999*"}, want: "- no account that is assigned to you matches --account porduction --account 999*"},
		"roles":                 {roles: []string{"Psuh"}, want: "- no role that is assigned to you matches --role Psuh"},
		"nothing is assigned":   {none: true, accounts: []string{"prod"}, want: "- no AWS account is assigned to you"},
		"one of the roles does": {roles: []string{"Psuh", "Push"}, want: "~/config: 1 profile added, 0 already there, 0 removed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOrganization(t)
				if !c.none {
					o.aws.AddAccount("222222222222", "production", "", "Push")
				}
				o.in.Accounts, o.in.Roles = c.accounts, c.roles
				if err := o.run(); err != nil || o.said[0] != c.want {
					t.Errorf("got %q, error %v", o.said, err)
				}
			})
		})
	}
}

// hostilePortal returns invalid data.
type hostilePortal struct{}

func (hostilePortal) AccountsPage(context.Context, string, secret.Secret, string) ([]awsclient.Account, string, error) {
	return []awsclient.Account{{ID: "12345678901"}, {ID: "１２３４５６７８９０１２"}, {ID: "123456789012]\n[x"}, {ID: "../../../../x"},
		{ID: "111111111111", Name: "a]\n[default]\nregion = evil\x1b[2J\u202e\u200b ok"}, {ID: "111111111111", Name: "again"},
		{ID: "222222222222", Name: "\u202e\x00"}}, "", nil
}

func (hostilePortal) RolesPage(context.Context, string, secret.Secret, string, string) ([]string, string, error) {
	return []string{"Push", "Push", "a]\n[default]", "x y", "", "\u202eevil", "Röle", strings.Repeat("x", 65), "a=b,c@d+e.f-g_h", "#x", "'q'"}, "", nil
}

func TestPortalDataIsValidated(t *testing.T) {
	o := newOrganization(t)
	o.in.Portal = hostilePortal{}
	var err error
	if o.in.Names, err = ParseTemplate("", "{account_name}.{role}", ""); err != nil {
		t.Fatal(err)
	}
	if err := o.run(); err != nil {
		t.Fatal(err)
	}
	section := func(name, account, role string) string {
		return "[profile " + name + "]\nsso_session = corp\nsso_account_id = " + account + "\nsso_role_name = " + role + "\necr_sso_generated = corp\n"
	}
	want := "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1\n" +
		section("a-default-region-evil-2J-ok.Push", "111111111111", "Push") +
		section("a-default-region-evil-2J-ok.a-b-c@d+e.f-g_h", "111111111111", "a=b,c@d+e.f-g_h") +
		section("222222222222.Push", "222222222222", "Push") +
		section("222222222222.a-b-c@d+e.f-g_h", "222222222222", "a=b,c@d+e.f-g_h")
	if diff := cmp.Diff(want, o.config()); diff != "" {
		t.Error(diff)
	}
	if n := len(o.said); n != 22 { // 4 accounts, 8 roles twice, and the result
		t.Errorf("%d lines: %q", n, o.said)
	}
	for _, line := range o.said {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("got %q", line)
		}
	}
}

// Run prompts for the preferred role once, and only if an account has several roles.
func TestPreferredRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrganization(t)
		o.aws.AddAccount("111111111111", "", "", "Push", "ReadOnly")
		o.aws.AddAccount("222222222222", "", "", "Push", "Admin")
		o.aws.AddAccount("333333333333", "", "", "Admin")
		asked := 0
		o.in.Choose = func(_ context.Context, roles []RoleCount) (string, error) {
			asked++
			if diff := cmp.Diff([]RoleCount{{"Admin", 2}, {"Push", 2}, {"ReadOnly", 1}}, roles); diff != "" {
				t.Error(diff)
			}
			return "Push", nil
		}
		o.in.Prefer = func(role string) error { o.in.Preferred = []string{role}; return nil }
		for range 2 {
			if err := o.run(); err != nil {
				t.Fatal(err)
			}
			if last := o.said[len(o.said)-1]; last != "one preferred role in each account" || asked != 1 {
				t.Errorf("%q, asked %d times", last, asked)
			}
		}
		o.in.Preferred, o.in.Accounts = nil, []string{"333*"}
		if err := o.run(); err != nil || asked != 1 {
			t.Errorf("%v, asked %d times", err, asked)
		}
	})
}
