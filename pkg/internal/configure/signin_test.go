package configure

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
)

func TestConfigureSelectsOnlyAccountAndRole(t *testing.T) {
	fake, err := awstest.New(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	fake.AddInstance(corpURL, corpRegion)
	o := &testMachine{t: t, aws: fake}
	o.setUpHome()
	none := Run(context.Background(), o.input("corp", corpURL, corpRegion, ""))
	if none == nil || !strings.HasPrefix(none.Error(), "no AWS account is assigned to you") {
		t.Errorf("without an account: %v", none)
	}
	if next := hint.Next(none); len(next) != 1 || !strings.HasPrefix(next[0], hint.Program+" configure ") || !strings.Contains(next[0], corpURL) {
		t.Errorf("without an account, run %q", next)
	}
	fake.AddAccount("123456789012", "", "", "Push")
	in := o.input("corp", corpURL, corpRegion, "", "us-east-1", "", "default")
	in.NoDocker = true
	if err := Run(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	o.expectLines("SSO session name (recommended)", "SSO start URL", "SSO region", "SSO registration scopes [sso:account:access]",
		"- Account: 123456789012 (the only one that is assigned to you)",
		"- Role: Push (the only one that is assigned to you)",
		"Region [us-east-1]", "Output format of the AWS CLI (optional, json if empty)", "Profile name [Push-123456789012]",
		"- ",
		"= The AWS CLI is now configured to use the default profile.",
		"= Run the following command to verify your configuration:",
		"= ",
		"= aws sts get-caller-identity",
		"= ",
		"= 123456789012.dkr.ecr.us-east-1.amazonaws.com answers: login until DATE (user AWS)",
	)
}

func TestConfigureLegacy(t *testing.T) {
	o := newTestMachine(t)
	in := o.input("", corpURL, corpRegion, "dev", "", "old")
	in.Region = given("")
	err := Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"SSO session name (recommended)",
		"- Note: without an SSO session (the legacy format), the sign-in cannot be refreshed. It lasts for some hours only.",
		`- To use a session, run "docker-credential-ecr-sso configure" again and enter a session name.`,
	}, o.said[:3]); diff != "" {
		t.Error(diff)
	}
	// Without a region, the registry is unknown.
	last := o.said[len(o.said)-2:]
	if diff := cmp.Diff([]string{"= There is no region, so no registry was added to Docker's configuration. To add one, run:",
		"= docker-credential-ecr-sso configure-docker 210987654321.dkr.ecr.REGION.amazonaws.com"}, last); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("[profile old]\nsso_start_url = "+corpURL+"\nsso_region = us-east-1\nsso_account_id = 210987654321\nsso_role_name = Push\n",
		o.config()); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(o.home.TokenPath(corpURL)); err != nil {
		t.Error(err)
	}
}

func TestConfigureStartURLs(t *testing.T) {
	noSuchHost := errors.New("no such host")
	for name, tc := range map[string]struct {
		leads map[string]Resolved
		left  []string
		want  []string
	}{
		"vanity URL knows its region": {
			map[string]Resolved{"https://sso.example.com": {Region: "eu-west-1", Vanity: true}},
			[]string{"c", "https://sso.example.com"},
			[]string{"SSO session name (recommended)", "SSO start URL", "- SSO region: eu-west-1 (from the start URL)",
				"SSO registration scopes [sso:account:access]"},
		},
		"an AWS host that names a region proposes it": {
			map[string]Resolved{"https://x.portal.eu-west-1.app.aws": {Region: "eu-west-1"}},
			[]string{"c", "https://x.portal.eu-west-1.app.aws", ""},
			[]string{"SSO session name (recommended)", "SSO start URL", "SSO region [eu-west-1]",
				"SSO registration scopes [sso:account:access]"},
		},
		"start URL of a host that does not exist is asked for again": {
			map[string]Resolved{corpURL: {}},
			[]string{"c", "https://crop.awsapps.com/start", corpURL},
			[]string{"SSO session name (recommended)", "SSO start URL", "-   no such host", "SSO start URL", "SSO region"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newTestMachine(t)
			in := o.input(tc.left...)
			in.Resolve = func(_ context.Context, s awsconfig.Session) (Resolved, error) {
				to, ok := tc.leads[s.StartURL]
				if !ok {
					return to, noSuchHost
				}
				return to, nil
			}
			if err := Run(context.Background(), in); !errors.Is(err, prompt.ErrInterrupted) {
				t.Errorf("Configure = %v", err)
			}
			o.expectLines(tc.want...)
		})
	}
}

func TestConfigureSessions(t *testing.T) {
	all := func(o *testMachine) Input {
		in := o.input()
		in.Session, in.Account, in.Role, in.Region = given("corp"), given("210987654321"), given("Push"), given("eu-west-1")
		in.Profile = given("dev")
		return in
	}
	configured := func(t *testing.T) *testMachine {
		o := newTestMachine(t)
		o.home.SSOProfile("dev", "corp", corpURL, corpRegion, "210987654321", "Push")
		return o
	}
	for name, tc := range map[string]struct {
		left   time.Duration // remaining lifetime of an earlier sign-in
		change func(*testMachine, *Input)
		signIn int
		has    string
	}{
		"one that is signed in is used":        {time.Hour, nil, 0, "sso_region = us-east-1\n"},
		"one that expires soon is renewed":     {10 * time.Minute, nil, 1, ""},
		"one that was ended elsewhere, too":    {time.Hour, func(o *testMachine, _ *Input) { o.aws.RevokeSession() }, 1, ""},
		"flag that says the same is no change": {time.Hour, func(_ *testMachine, in *Input) { in.StartURL = given(corpURL) }, 0, ""},
		"one that differs is":                  {time.Hour, func(_ *testMachine, in *Input) { in.StartURL = given(corpURL + "/") }, 1, "sso_start_url = " + corpURL + "/\n"},
		"so are scopes": {time.Hour, func(_ *testMachine, in *Input) { in.Scopes = given("sso:account:access, x:y") }, 1,
			"sso_registration_scopes = sso:account:access, x:y\n"},
	} {
		t.Run(name, func(t *testing.T) {
			o := configured(t)
			token := o.aws.SignIn(corpURL, corpRegion, true)
			token.ExpiresAt = time.Now().Add(tc.left)
			o.home.WriteToken("corp", token)
			in := all(o)
			if tc.change != nil {
				tc.change(o, &in)
			}
			if err := Run(context.Background(), in); err != nil {
				t.Fatal(err)
			}
			if o.signIn != tc.signIn {
				t.Errorf("%d sign-ins, want %d", o.signIn, tc.signIn)
			}
			if !strings.Contains(o.config(), tc.has) {
				t.Errorf("%q is not in %s", tc.has, o.config())
			}
		})
	}
	t.Run("the configured region was not corrected", func(t *testing.T) {
		o := configured(t)
		o.moved = "eu-west-1"
		o.aws.AddInstance(corpURL, o.moved)
		if err := Run(context.Background(), all(o)); err != nil || !strings.Contains(o.config(), "sso_region = eu-west-1") {
			t.Errorf("%v\n%s", err, o.config())
		}
		if !strings.Contains(strings.Join(o.said, "\n"), "- SSO region updated to eu-west-1") {
			t.Error(o.said)
		}
	})
}

// A sign-in that fails before the session is written cannot be repeated by name, so the
// suggested command contains the answers.
func TestConfigureSuggestsAnswers(t *testing.T) {
	o := newTestMachine(t)
	in := o.input("corp", corpURL, corpRegion, "")
	in.SignIn = func(context.Context, awsconfig.Session) (awscache.Token, error) {
		return awscache.Token{}, hint.For(hint.SignIn, errors.New("no"), "docker-credential-ecr-sso login --sso-session corp")
	}
	again := "docker-credential-ecr-sso configure --sso-session corp --start-url " + corpURL + " --sso-region us-east-1"
	err := Run(context.Background(), in)
	if diff := cmp.Diff([]string{again, again + " --use-device-code"}, hint.Next(err)); diff != "" {
		t.Error(diff)
	}
	// If AWS could not be reached, the suggested command asks for the region again.
	in = newTestMachine(t).input("corp", corpURL, corpRegion, "")
	in.SignIn = func(context.Context, awsconfig.Session) (awscache.Token, error) {
		return awscache.Token{}, hint.For(hint.CheckConnection, errors.New("no"), "docker-credential-ecr-sso doctor")
	}
	err = Run(context.Background(), in)
	again = strings.TrimSuffix(again, " --sso-region us-east-1")
	if diff := cmp.Diff([]string{"docker-credential-ecr-sso doctor", again}, hint.Next(err)); diff != "" {
		t.Error(diff)
	}
}

// The command after a failed sign-in is the user's own command with its flags. For the
// session, it includes only what is not in the configuration.
func TestConfigureSuggestsItsOwnCommand(t *testing.T) {
	const failed = "the command of the failed sign-in"
	for name, tc := range map[string]struct {
		known  bool
		change func(*Input)
		remedy hint.Remedy
		want   []string
	}{
		"configured session":     {true, nil, hint.SignIn, []string{"", " --use-device-code"}},
		"its code has expired":   {true, nil, hint.SignInByCode, []string{" --use-device-code"}},
		"flag is given":          {true, func(in *Input) { in.Flags = []string{"--use-device-code"} }, hint.SignInByCode, []string{""}},
		"flag that did not help": {true, func(in *Input) { in.Flags = []string{"--use-device-code"} }, hint.SignIn, []string{""}},
		"another region":         {true, func(in *Input) { in.SSORegion = given("eu-west-1") }, hint.SignInByCode, []string{" --sso-region eu-west-1 --use-device-code"}},
		"its start URL is wrong": {true, nil, hint.CorrectSession, []string{" --start-url START_URL --sso-region REGION"}},
		"typed URL is wrong":     {false, nil, hint.CorrectSession, []string{""}},
		"file is not ours":       {true, nil, hint.OtherRemedy, nil},
		"AWS cannot be reached":  {true, nil, hint.CheckConnection, []string{"doctor", ""}},
		"new session has a URL":  {false, nil, hint.SignInByCode, []string{" --start-url " + corpURL + " --sso-region us-east-1 --use-device-code"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newTestMachine(t)
			if tc.known {
				o.home.SSOProfile("dev", "corp", corpURL, corpRegion, "210987654321", "Push")
			}
			in := o.input("corp", corpURL, corpRegion, "")
			if tc.known {
				in.Session = given("corp")
			}
			if tc.change != nil {
				tc.change(&in)
			}
			in.SignIn = func(context.Context, awsconfig.Session) (awscache.Token, error) {
				return awscache.Token{}, hint.For(tc.remedy, errors.New("no"), failed)
			}
			_, err := SignIn(context.Background(), in)
			var want []string
			for _, flags := range tc.want {
				command := "docker-credential-ecr-sso configure " + strings.Join(append(in.Flags, "--sso-session corp"), " ") + flags
				if flags == "doctor" {
					command = "docker-credential-ecr-sso doctor"
				}
				want = append(want, command)
			}
			if tc.want == nil {
				want = []string{failed}
			}
			if diff := cmp.Diff(want, hint.Next(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A token that is rejected right after its sign-in is an error: another sign-in would
// return another such token.
func TestConfigureSignsInAgainOnlyOnce(t *testing.T) {
	for name, signedIn := range map[string]bool{"no token": false, "an earlier token": true} {
		t.Run(name, func(t *testing.T) {
			o := newTestMachine(t)
			o.home.SSOProfile("dev", "corp", corpURL, corpRegion, "210987654321", "Push")
			if signedIn {
				o.home.WriteToken("corp", o.aws.SignIn(corpURL, corpRegion, true))
			}
			o.aws.Fail(awstest.ListAccounts, awstest.Fault{Kind: awstest.Status, Status: 401, Code: "UnauthorizedException"})
			in := o.input()
			in.Ask, in.Session = &answers{o, nil}, given("corp")
			if err := Run(context.Background(), in); err == nil || o.signIn != 1 || !strings.HasPrefix(err.Error(), "the list of accounts: ") {
				t.Errorf("%d sign-ins, %v", o.signIn, err)
			}
		})
	}
}

// The questions propose known values: the only session, and the region of the profile, the
// environment, or the session.
func TestConfigureDefaults(t *testing.T) {
	for name, tc := range map[string]struct {
		sessions []string
		env      []string
		profile  string
		session  string
		region   string
	}{
		"one session":                {[]string{"corp"}, nil, "new", "SSO session name [corp]", "Region [us-east-1]"},
		"two sessions":               {[]string{"corp", "other"}, nil, "new", "SSO session name (recommended)", ""},
		"session of the profile":     {[]string{"other", "corp"}, nil, "corp-profile", "SSO session name [corp]", "Region [eu-west-1]"},
		"AWS_REGION":                 {[]string{"corp"}, []string{"AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-north-1"}, "new", "SSO session name [corp]", "Region [eu-central-1]"},
		"AWS_DEFAULT_REGION":         {[]string{"corp"}, []string{"AWS_DEFAULT_REGION=eu-north-1"}, "new", "SSO session name [corp]", "Region [eu-north-1]"},
		"region that is not one":     {[]string{"corp"}, []string{"AWS_REGION=here"}, "new", "SSO session name [corp]", "Region [us-east-1]"},
		"region of the profile wins": {[]string{"corp"}, []string{"AWS_REGION=eu-central-1"}, "corp-profile", "SSO session name [corp]", "Region [eu-west-1]"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newTestMachine(t)
			for _, session := range tc.sessions {
				o.home.SSOProfile(session+"-profile", session, corpURL, corpRegion, "210987654321", "Push")
			}
			o.home.WriteConfig(strings.ReplaceAll(o.config(), "region = us-east-1\n[", "region = eu-west-1\n["))
			o.setUpHome(tc.env...)
			in := o.input("", "dev")
			in.Profile = given(tc.profile)
			if tc.region == "" {
				in = o.input()
				in.Ask = &answers{o, nil}
			}
			if err := Run(context.Background(), in); !errors.Is(err, prompt.ErrInterrupted) {
				t.Errorf("Run = %v", err)
			}
			said := strings.Join(o.said, "\n")
			if !strings.Contains(said, tc.session) || !strings.HasSuffix(said, tc.region) {
				t.Errorf("want %q and %q in\n%s", tc.session, tc.region, said)
			}
		})
	}
}

// An empty answer to the region question means its default; setting up Docker is not
// skipped.
func TestConfigureAsksForRegionOnce(t *testing.T) {
	o := newTestMachine(t)
	if err := Run(context.Background(), o.input("corp", "corp.awsapps.com/start", corpRegion, "", "dev", "", "", "")); err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(o.said, "\n"); !strings.Contains(said, "= Added 210987654321.dkr.ecr.us-east-1.amazonaws.com to ") ||
		!strings.Contains(o.config(), "sso_start_url = "+corpURL+"\n") {
		t.Errorf("%s\n%s", said, o.config())
	}
}
