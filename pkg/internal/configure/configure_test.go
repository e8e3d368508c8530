package configure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

const (
	corpURL    = "https://corp.awsapps.com/start"
	corpRegion = "us-east-1"
)

// office is a machine with a person, a fake AWS, and what both have said.
type office struct {
	t      *testing.T
	aws    *awstest.AWS
	home   *awstest.Home
	env    env.Set
	said   []string // questions, lines and results, in order
	signIn int
	moved  string // the region that a sign-in really was in
}

func newOffice(t *testing.T) *office {
	t.Helper()
	fake, err := awstest.New(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.AddInstance(corpURL, corpRegion)
	fake.AddAccount("123456789012", "Production", "prod@example.com", "push", "Admin", "ReadOnly")
	fake.AddAccount("210987654321", "development", "dev@example.com", "Push")
	o := &office{t: t, aws: fake}
	o.settle()
	return o
}

// settle gives the person a home, with the helper on PATH.
func (o *office) settle(more ...string) {
	if o.home == nil {
		o.home = o.aws.Home(o.t.TempDir())
	}
	bin := filepath.Join(o.home.Dir, "bin")
	for _, name := range []string{hint.Program, hint.Program + ".exe"} {
		put(o.t, filepath.Join(bin, name), "#!/bin/sh\n", 0o700)
	}
	o.env = env.FromList(append(append(o.home.Env(), "PATH="+bin), more...))
}

// answers is a person who answers in order; a list is answered by the start of a
// row's text.
type answers struct {
	*office
	left []string
}

func (a *answers) next(question string) (string, error) {
	a.said = append(a.said, question)
	if len(a.left) == 0 {
		return "", prompt.ErrInterrupted
	}
	answer := a.left[0]
	a.left = a.left[1:]
	return answer, nil
}

func (a *answers) Text(ctx context.Context, q prompt.Question) (string, error) {
	current := "[" + q.Current + "]"
	if q.Current == "" {
		current = q.Empty
	}
	for {
		answer, err := a.next(strings.TrimSpace(q.Label + " " + current))
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = q.Current
		}
		if q.Check == nil {
			return answer, nil
		}
		if err := q.Check(answer); err == nil {
			return answer, nil
		} else {
			a.said = append(a.said, "! "+err.Error())
		}
	}
}

func (a *answers) Choose(_ context.Context, label string, rows []prompt.Row, current int) (int, error) {
	var texts []string
	for i, r := range rows {
		text := strings.TrimSpace(r.Text + " " + r.ID)
		if i == current {
			text = "*" + text
		}
		texts = append(texts, text)
	}
	answer, err := a.next(label + ": " + strings.Join(texts, " | "))
	for i, r := range rows {
		if err == nil && (answer != "" && strings.HasPrefix(r.Text, answer) || answer == "" && i == current) {
			return i, nil
		}
	}
	return 0, errors.Join(err, fmt.Errorf("no row %q", answer))
}

// input is what Configure gets on this machine. Nobody answers when left is nil.
func (o *office) input(left ...string) ConfigureInput {
	o.t.Helper()
	o.said = nil
	config, err := awsconfig.Load(awsconfig.DefaultPaths(o.env, o.home.Dir))
	if err != nil {
		o.t.Fatal(err)
	}
	client, err := awsclient.New(awsclient.Options{Env: o.env, Home: o.home.Dir, Config: config, Transport: o.aws.Transport()})
	if err != nil {
		o.t.Fatal(err)
	}
	in := ConfigureInput{
		Config: config, Env: o.env, Portal: func(awsconfig.Session) (Portal, error) { return client, nil },
		Say:    func(s string) { o.said = append(o.said, "- "+s) },
		Answer: func(s string) { o.said = append(o.said, "= "+s) },
		SignIn: func(_ context.Context, s awsconfig.Session) (ssotoken.Token, error) {
			o.signIn++
			key := awsconfig.SSO{Session: s.Name, StartURL: s.StartURL}.CacheKey()
			path := o.home.KeepToken(key, o.aws.SignIn(s.StartURL, s.Region, true))
			token, err := ssotoken.Read(path)
			if o.moved != "" {
				token.Region = o.moved
			}
			return token, err
		},
		Verify: func(ctx context.Context, host, _ string) (Verified, error) {
			h := credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(o.env), credhelper.WithTransport(o.aws.Transport()))
			user, _, err := h.Get(host)
			if err != nil {
				return Verified{}, err
			}
			x, err := h.Explain(host)
			if err != nil {
				return Verified{}, err
			}
			return Verified{User: user, Until: *x.Cached, Profile: x.Identity.Profile, Source: x.Identity.Source}, nil
		},
	}
	if left != nil {
		in.Ask = &answers{o, left}
	}
	return in
}

func (o *office) config() string {
	text, err := os.ReadFile(o.home.ConfigPath())
	if err != nil && !os.IsNotExist(err) {
		o.t.Fatal(err)
	}
	return string(text)
}

var minute = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)

func (o *office) hears(want ...string) {
	o.t.Helper()
	got := make([]string, len(o.said))
	for i, s := range o.said {
		got[i] = minute.ReplaceAllString(strings.ReplaceAll(s, o.home.Dir, "~"), "DATE")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		o.t.Error(diff)
	}
}

func given(s string) Answer { return Answer{Value: s, Given: true} }

func TestConfigureFromNothing(t *testing.T) {
	o := newOffice(t)
	err := Configure(context.Background(), o.input(
		"corp", "ftp://x", corpURL, "useast1", corpRegion, "a b", "", "Prod", "push", "eu-west-1", "json", "a]b", ""))
	if err != nil {
		t.Fatal(err)
	}
	o.hears(
		"SSO session name (Recommended)",
		"SSO start URL",
		`! "ftp://x" is not a valid start URL: it must begin with https://`,
		"SSO start URL",
		"SSO region",
		`! "useast1" does not look like a region (such as us-east-1)`,
		"SSO region",
		"SSO registration scopes [sso:account:access]",
		"! scope values must be separated by commas, such as sso:account:access,codewhisperer:completions",
		"SSO registration scopes [sso:account:access]",
		"- There are 2 AWS accounts available to you.",
		"account: development, dev@example.com 210987654321 | Production, prod@example.com 123456789012",
		"- Using the account ID 123456789012",
		"- There are 3 roles available to you.",
		"role: Admin | push | ReadOnly",
		`- Using the role name "push"`,
		"- The region is the registry's too: 123456789012.dkr.ecr.REGION.amazonaws.com",
		"Default client Region",
		"CLI default output format (json if not specified)",
		"Profile name [push-123456789012]",
		"! a name cannot hold ], control characters or invisible characters",
		"Profile name [push-123456789012]",
		"- ",
		"= To use this profile, specify the profile name using --profile, as shown:",
		"= ",
		"= aws sts get-caller-identity --profile push-123456789012",
		"= ",
		"= Added 123456789012.dkr.ecr.eu-west-1.amazonaws.com to ~/.docker/config.json (credHelpers).",
		"= docker push 123456789012.dkr.ecr.eu-west-1.amazonaws.com/... is ready: login until DATE (user AWS)",
	)
	want := `[profile push-123456789012]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = push
region = eu-west-1
output = json
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
sso_registration_scopes = sso:account:access
`
	if diff := cmp.Diff(want, o.config()); diff != "" {
		t.Error(diff)
	}

	// Again, with Enter to everything: the session is not asked for, nobody signs
	// in, nothing changes.
	o.settle("AWS_PROFILE=push-123456789012")
	if err := Configure(context.Background(), o.input("", "", "", "", "")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, o.config()); diff != "" || o.signIn != 1 {
		t.Errorf("%d sign-ins, %s", o.signIn, diff)
	}
	o.hears(
		"- SSO sessions in the configuration: corp",
		"SSO session name [corp]",
		"- There are 2 AWS accounts available to you.",
		"account: development, dev@example.com 210987654321 | *Production, prod@example.com 123456789012",
		"- Using the account ID 123456789012",
		"- There are 3 roles available to you.",
		"role: Admin | *push | ReadOnly",
		`- Using the role name "push"`,
		"Default client Region [eu-west-1]",
		"CLI default output format (json if not specified) [json]",
		"- ",
		"= To use this profile, specify the profile name using --profile, as shown:",
		"= ",
		"= aws sts get-caller-identity --profile push-123456789012",
		"= ",
		"= docker push 123456789012.dkr.ecr.eu-west-1.amazonaws.com/... is ready: login until DATE (user AWS)",
	)
}

// Whatever is interrupted up to the last question, the configuration is as it was.
func TestConfigureWritesNothingBeforeTheLastAnswer(t *testing.T) {
	all := []string{"corp", corpURL, corpRegion, "", "Prod", "push", "eu-west-1", "", ""}
	for n := range all {
		o := newOffice(t)
		in := o.input(all[:n:n]...)
		if n == 0 {
			in.Ask = &answers{o, nil}
		}
		err := Configure(context.Background(), in)
		if !errors.Is(err, prompt.ErrInterrupted) {
			t.Errorf("after %d answers: %v", n, err)
		}
		says, next := "stopped; nothing is saved", 0
		if n >= 4 {
			says, next = "stopped; the sign-in is saved, the profile is not", 1
		}
		if !strings.HasPrefix(err.Error(), says) || len(hint.Next(err)) != next {
			t.Errorf("after %d answers: %v; run %q", n, err, hint.Next(err))
		}
		if o.config() != "" {
			t.Errorf("after %d answers: %q", n, o.config())
		}
		if n < 4 && o.signIn > 0 {
			t.Errorf("signed in after %d answers", n)
		}
	}
}

func TestConfigureTakesASingleAccountAndRole(t *testing.T) {
	fake, err := awstest.New(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	fake.AddInstance(corpURL, corpRegion)
	o := &office{t: t, aws: fake}
	o.settle()
	none := Configure(context.Background(), o.input("corp", corpURL, corpRegion, ""))
	if none == nil || !strings.HasPrefix(none.Error(), "no AWS accounts are available to you") {
		t.Errorf("without an account: %v", none)
	}
	fake.AddAccount("123456789012", "", "", "Push")
	in := o.input("corp", corpURL, corpRegion, "", "us-east-1", "", "default")
	in.NoDocker = true
	if err := Configure(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	o.hears("SSO session name (Recommended)", "SSO start URL", "SSO region", "SSO registration scopes [sso:account:access]",
		"- The only AWS account available to you is: 123456789012",
		"- Using the account ID 123456789012",
		"- The only role available to you is: Push",
		`- Using the role name "Push"`,
		"Default client Region", "CLI default output format (json if not specified)", "Profile name [Push-123456789012]",
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
	o := newOffice(t)
	err := Configure(context.Background(), o.input("", corpURL, corpRegion, "dev", "", "", "old"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"SSO session name (Recommended)",
		"- WARNING: Configuring using legacy format (e.g. without an SSO session).",
		`- Consider re-running "docker-credential-ecr-sso configure" and providing a session name.`,
	}, o.said[:3]); diff != "" {
		t.Error(diff)
	}
	// Without a region there is no registry to name.
	last := o.said[len(o.said)-2:]
	if diff := cmp.Diff([]string{"= No default client Region, so no registry was set up. When you know its name, run:",
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

// A legacy profile that gets a session keeps its URL and region keys, so they must
// say the same.
func TestConfigureMakesALegacyProfileAgreeWithItsSession(t *testing.T) {
	o := newOffice(t)
	o.home.LegacyProfile("old", "https://former.awsapps.com/start", "eu-west-1", "210987654321", "Push")
	in := o.input("corp", corpURL, corpRegion, "", "", "", "")
	in.Profile = given("old")
	if err := Configure(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	config, err := awsconfig.Load(awsconfig.DefaultPaths(o.env, o.home.Dir))
	if err != nil {
		t.Fatal(err)
	}
	s, ok, err := config.SSO("old")
	want := awsconfig.SSO{Profile: "old", Session: "corp", StartURL: corpURL, SSORegion: corpRegion, Account: "210987654321", Role: "Push", Region: "eu-west-1"}
	if !ok || err != nil || s != want {
		t.Errorf("SSO = %+v, %v, %v", s, ok, err)
	}
}

func TestConfigureStartURLs(t *testing.T) {
	noSuchHost := errors.New("no such host")
	for name, tc := range map[string]struct {
		leads map[string]Resolved
		left  []string
		want  []string
	}{
		"a vanity URL knows its region": {
			map[string]Resolved{"https://sso.example.com": {Region: "eu-west-1", Vanity: true}},
			[]string{"c", "https://sso.example.com"},
			[]string{"SSO session name (Recommended)", "SSO start URL", "- SSO region: eu-west-1 (from the start URL)",
				"SSO registration scopes [sso:account:access]"},
		},
		"an AWS host that names a region proposes it": {
			map[string]Resolved{"https://x.portal.eu-west-1.app.aws": {Region: "eu-west-1"}},
			[]string{"c", "https://x.portal.eu-west-1.app.aws", ""},
			[]string{"SSO session name (Recommended)", "SSO start URL", "SSO region [eu-west-1]",
				"SSO registration scopes [sso:account:access]"},
		},
		"a host that is not there is asked for again": {
			map[string]Resolved{corpURL: {}},
			[]string{"c", "https://crop.awsapps.com/start", corpURL},
			[]string{"SSO session name (Recommended)", "SSO start URL", "-   no such host", "SSO start URL", "SSO region"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			in := o.input(tc.left...)
			in.Resolve = func(_ context.Context, s awsconfig.Session) (Resolved, error) {
				to, ok := tc.leads[s.StartURL]
				if !ok {
					return to, noSuchHost
				}
				return to, nil
			}
			if err := Configure(context.Background(), in); !errors.Is(err, prompt.ErrInterrupted) {
				t.Errorf("Configure = %v", err)
			}
			o.hears(tc.want...)
		})
	}
}

func TestConfigureSessions(t *testing.T) {
	all := func(o *office) ConfigureInput {
		in := o.input()
		in.Session, in.Account, in.Role, in.Region = given("corp"), given("210987654321"), given("Push"), given("eu-west-1")
		in.Profile = given("dev")
		return in
	}
	configured := func(t *testing.T) *office {
		o := newOffice(t)
		o.home.SSOProfile("dev", "corp", corpURL, corpRegion, "210987654321", "Push")
		return o
	}
	for name, tc := range map[string]struct {
		left   time.Duration // of an earlier sign-in
		change func(*office, *ConfigureInput)
		signIn int
		has    string
	}{
		"one that is signed in is used":          {time.Hour, nil, 0, "sso_region = us-east-1\n"},
		"one that is nearly over is renewed":     {10 * time.Minute, nil, 1, ""},
		"one that was ended elsewhere, too":      {time.Hour, func(o *office, _ *ConfigureInput) { o.aws.RevokeSession() }, 1, ""},
		"a flag that says the same is no change": {time.Hour, func(_ *office, in *ConfigureInput) { in.StartURL = given(corpURL) }, 0, ""},
		"one that says otherwise is":             {time.Hour, func(_ *office, in *ConfigureInput) { in.StartURL = given(corpURL + "/") }, 1, "sso_start_url = " + corpURL + "/\n"},
		"so are scopes": {time.Hour, func(_ *office, in *ConfigureInput) { in.Scopes = given("sso:account:access, x:y") }, 1,
			"sso_registration_scopes = sso:account:access, x:y\n"},
	} {
		t.Run(name, func(t *testing.T) {
			o := configured(t)
			token := o.aws.SignIn(corpURL, corpRegion, true)
			token.ExpiresAt = time.Now().Add(tc.left)
			o.home.KeepToken("corp", token)
			in := all(o)
			if tc.change != nil {
				tc.change(o, &in)
			}
			if err := Configure(context.Background(), in); err != nil {
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
	t.Run("a region that the sign-in corrected is kept", func(t *testing.T) {
		o := configured(t)
		o.aws.AddInstance(corpURL, corpRegion)
		o.moved = "eu-west-1"
		if err := Configure(context.Background(), all(o)); err == nil && !strings.Contains(o.config(), "sso_region = eu-west-1") {
			t.Error(o.config())
		}
		if !strings.Contains(strings.Join(o.said, "\n"), "- SSO region updated to eu-west-1") {
			t.Error(o.said)
		}
	})
}

// A sign-in that fails before the session is written cannot be repeated by its
// name: the advice holds the answers.
func TestConfigureAdvisesWhatWasAnswered(t *testing.T) {
	o := newOffice(t)
	in := o.input("corp", corpURL, corpRegion, "")
	in.SignIn = func(context.Context, awsconfig.Session) (ssotoken.Token, error) {
		return ssotoken.Token{}, hint.With(errors.New("no"), "docker-credential-ecr-sso login --sso-session corp")
	}
	again := "docker-credential-ecr-sso configure --sso-session corp --start-url " + corpURL + " --sso-region us-east-1"
	err := Configure(context.Background(), in)
	if diff := cmp.Diff([]string{again, again + " --use-device-code"}, hint.Next(err)); diff != "" {
		t.Error(diff)
	}
	// Who did not get to AWS is not sent there again.
	in = newOffice(t).input("corp", corpURL, corpRegion, "")
	in.SignIn = func(context.Context, awsconfig.Session) (ssotoken.Token, error) {
		return ssotoken.Token{}, hint.With(errors.New("no"), "docker-credential-ecr-sso doctor")
	}
	err = Configure(context.Background(), in)
	again = strings.TrimSuffix(again, " --sso-region us-east-1")
	if diff := cmp.Diff([]string{"docker-credential-ecr-sso doctor", again}, hint.Next(err)); diff != "" {
		t.Error(diff)
	}
}

func TestConfigureSaysWhatDockerWouldNotDo(t *testing.T) {
	o := newOffice(t)
	host := "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
	docker := filepath.Join(o.home.Dir, ".docker", "config.json")
	if err := os.WriteFile(docker, []byte(`{"credHelpers":{"`+host+`":"ecr-login"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	err := Configure(context.Background(), o.input("corp", corpURL, corpRegion, "", "dev", "eu-west-1", "", ""))
	if diff := cmp.Diff([]string{"docker-credential-ecr-sso configure-docker --overwrite " + host}, hint.Next(err)); diff != "" {
		t.Error(err, diff)
	}
	if last := o.said[len(o.said)-1]; !strings.HasPrefix(last, "= "+host+" answers: login until ") {
		t.Error(last)
	}
	if !strings.Contains(o.config(), "[profile Push-210987654321]") {
		t.Error("the profile was not written")
	}
}

// What a check lets through can be written, and is read back as it was typed.
func FuzzChecks(f *testing.F) {
	f.Add("corp", "https://corp.awsapps.com/start", "us-east-1", "sso:account:access", "json")
	f.Add("my dev", "https://a.b/#/", "us-isob-east-1", "sso:account:access, x", "a # b")
	f.Add("it's \"x\"", "https://a.b:443/?x=[y]", "cn-north-1", "sso:account:access,", "'q'")
	f.Add(";a", "https://u@a.b", "x", " sso:account:access", "; c")
	f.Fuzz(func(t *testing.T, name, url, region, scopes, output string) {
		for s, check := range map[*string]func(string) error{
			&name: required(checkName), &url: checkStartURL, &region: checkRegion, &scopes: checkScopes, &output: checkLine,
		} {
			if check(*s) != nil {
				return
			}
		}
		session := awsconfig.Change{Section: awsconfig.SectionSession, Name: name, Keys: []awsconfig.Key{
			{Name: "sso_start_url", Value: url}, {Name: "sso_region", Value: region}, {Name: "sso_registration_scopes", Value: scopes},
		}}
		profile := awsconfig.Change{Section: awsconfig.SectionProfile, Name: name, Keys: []awsconfig.Key{{Name: "output", Value: output}}}
		if _, err := awsconfig.EditText("", profile, session); err != nil {
			t.Errorf("%q %q %q %q %q: %v", name, url, region, scopes, output, err)
		}
	})
}

func TestARegionHasTheFormOfTheRegistryGrammar(t *testing.T) {
	for region, ok := range map[string]bool{
		"us-east-1": true, "us-gov-west-1": true, "eusc-de-east-1": true,
		"": false, "us-east1": false, "US-EAST-1": false, "fips-us-east-1": false, "us-east-100": false, "s3-us-west-2": false,
	} {
		if err := checkRegion(region); (err == nil) != ok {
			t.Errorf("%q: %v", region, err)
		}
	}
}
