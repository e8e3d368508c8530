package configure

import (
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
)

const (
	corpURL    = "https://corp.awsapps.com/start"
	corpRegion = "us-east-1"
)

// testMachine is a machine with a user and a fake AWS. It records the dialog.
type testMachine struct {
	t      *testing.T
	aws    *awstest.AWS
	home   *awstest.Home
	env    env.Set
	said   []string // questions, lines and results, in order
	signIn int
	moved  string // the actual region of the sign-in
}

func newTestMachine(t *testing.T) *testMachine {
	t.Helper()
	fake, err := awstest.New(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.AddInstance(corpURL, corpRegion)
	fake.AddAccount("123456789012", "Production", "prod@example.com", "push", "Admin", "ReadOnly")
	fake.AddAccount("210987654321", "development", "dev@example.com", "Push")
	o := &testMachine{t: t, aws: fake}
	o.setUpHome()
	return o
}

// setUpHome creates the user's home directory, with the helper on PATH.
func (o *testMachine) setUpHome(more ...string) {
	if o.home == nil {
		o.home = o.aws.Home(o.t.TempDir())
	}
	bin := filepath.Join(o.home.Dir, "bin")
	for _, name := range []string{hint.Program, hint.Program + ".exe"} {
		put(o.t, filepath.Join(bin, name), "#!/bin/sh\n", 0o700)
	}
	o.env = env.FromList(append(append(o.home.Env(), "PATH="+bin), more...))
}

// answers returns its answers in order. For a list, an answer is the start of a row's text.
type answers struct {
	*testMachine
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

// input returns the Input on this machine. If left is nil, there is no terminal.
func (o *testMachine) input(left ...string) Input {
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
	in := Input{
		Config: config, Env: o.env, Portal: func(awsconfig.Session) (Portal, error) { return client, nil },
		Say:    func(s string) { o.said = append(o.said, "- "+s) },
		Answer: func(s string) { o.said = append(o.said, "= "+s) },
		SignIn: func(_ context.Context, s awsconfig.Session) (awscache.Token, error) {
			o.signIn++
			key := awsconfig.SSO{Session: s.Name, StartURL: s.StartURL}.CacheKey()
			return awscache.ReadToken(o.home.WriteToken(key, o.aws.SignIn(s.StartURL, stdcmp.Or(o.moved, s.Region), true)))
		},
		Verify: func(ctx context.Context, host, _ string) (Verified, error) {
			h := credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(o.env.List()), credhelper.WithTransport(o.aws.Transport()))
			user, _, err := h.Get(host)
			if err != nil {
				return Verified{}, err
			}
			x, err := h.Explain(host)
			if err != nil {
				return Verified{}, err
			}
			return Verified{User: user, Until: *x.CachedUntil, Profile: x.Identity.Profile, Source: x.Identity.Source}, nil
		},
	}
	if left != nil {
		in.Ask = &answers{o, left}
	}
	return in
}

func (o *testMachine) config() string {
	text, err := os.ReadFile(o.home.ConfigPath())
	if err != nil && !os.IsNotExist(err) {
		o.t.Fatal(err)
	}
	return string(text)
}

var minute = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)

func (o *testMachine) expectLines(want ...string) {
	o.t.Helper()
	got := make([]string, len(o.said))
	for i, s := range o.said {
		s = strings.ReplaceAll(s, filepath.Join(o.home.Dir, ".docker", "config.json"), "~/.docker/config.json")
		got[i] = minute.ReplaceAllString(s, "DATE")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		o.t.Error(diff)
	}
}

func given(s string) Answer { return Answer{Value: s, Given: true} }

// fromNothing is the configuration written in TestConfigureFromNothing.
const fromNothing = `[profile push-123456789012]
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

func TestConfigureFromNothing(t *testing.T) {
	o := newTestMachine(t)
	err := Run(context.Background(), o.input(
		"corp", "ftp://x", "corp", "useast1", corpRegion, "a b", "", "Prod", "push", "eu-west-1", "json", "a]b", ""))
	if err != nil {
		t.Fatal(err)
	}
	o.expectLines(
		"SSO session name (recommended)",
		"SSO start URL",
		`! "ftp://x" is not a valid start URL: it must begin with https://`,
		"SSO start URL",
		"- Using the start URL "+corpURL,
		"SSO region",
		`! "useast1" is not a region (such as us-east-1)`,
		"SSO region",
		"SSO registration scopes [sso:account:access]",
		"! scope values must be separated by commas, such as sso:account:access,codewhisperer:completions",
		"SSO registration scopes [sso:account:access]",
		"- 2 AWS accounts are assigned to you. Select one:",
		"account: development, dev@example.com 210987654321 | Production, prod@example.com 123456789012",
		"- 3 roles are assigned to you. Select one:",
		"role: Admin | push | ReadOnly",
		"- Your registry is 123456789012.dkr.ecr.REGION.amazonaws.com. The profile uses the same region.",
		"Region [us-east-1]",
		"Output format of the AWS CLI (optional, json if empty)",
		"Profile name [push-123456789012]",
		"! a name must not contain ], control characters or invisible characters",
		"Profile name [push-123456789012]",
		"- ",
		"= To use this profile, specify the profile name using --profile, as shown:",
		"= ",
		"= aws sts get-caller-identity --profile push-123456789012",
		"= ",
		"= Added 123456789012.dkr.ecr.eu-west-1.amazonaws.com to ~/.docker/config.json (credHelpers).",
		"= docker push 123456789012.dkr.ecr.eu-west-1.amazonaws.com/... is ready: login until DATE (user AWS)",
	)
	if diff := cmp.Diff(fromNothing, o.config()); diff != "" {
		t.Error(diff)
	}
	secondConfigure(t, o)
}

// If the user accepts all defaults in a second run, there is no question about the session,
// no sign-in and no change.
func secondConfigure(t *testing.T, o *testMachine) {
	t.Helper()
	o.setUpHome("AWS_PROFILE=push-123456789012")
	if err := Run(context.Background(), o.input("", "", "", "", "")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromNothing, o.config()); diff != "" || o.signIn != 1 {
		t.Errorf("%d sign-ins, %s", o.signIn, diff)
	}
	o.expectLines(
		"SSO session name [corp]",
		"- 2 AWS accounts are assigned to you. Select one:",
		"account: development, dev@example.com 210987654321 | *Production, prod@example.com 123456789012",
		"- 3 roles are assigned to you. Select one:",
		"role: Admin | *push | ReadOnly",
		"Region [eu-west-1]",
		"Output format of the AWS CLI [json]",
		"- ",
		"= To use this profile, specify the profile name using --profile, as shown:",
		"= ",
		"= aws sts get-caller-identity --profile push-123456789012",
		"= ",
		"= docker push 123456789012.dkr.ecr.eu-west-1.amazonaws.com/... is ready: login until DATE (user AWS)",
	)
}

// An interrupt before the last answer leaves the configuration unchanged.
func TestConfigureWritesNothingBeforeLastAnswer(t *testing.T) {
	all := []string{"corp", corpURL, corpRegion, "", "Prod", "push", "eu-west-1", "", ""}
	for n := range all {
		o := newTestMachine(t)
		in := o.input(all[:n:n]...)
		if n == 0 {
			in.Ask = &answers{o, nil}
		}
		err := Run(context.Background(), in)
		if !errors.Is(err, prompt.ErrInterrupted) {
			t.Errorf("after %d answers: %v", n, err)
		}
		says, next := "canceled; nothing was saved", 0
		if n >= 4 {
			says, next = "canceled; the sign-in was saved, the profile was not", 1
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

// A legacy profile that gets a session keeps its URL and region keys, so they must match
// the session.
func TestConfigureUpdatesLegacyProfile(t *testing.T) {
	o := newTestMachine(t)
	o.home.LegacyProfile("old", "https://former.awsapps.com/start", "eu-west-1", "210987654321", "Push")
	in := o.input("corp", corpURL, corpRegion, "", "", "", "")
	in.Profile = given("old")
	if err := Run(context.Background(), in); err != nil {
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

func TestConfigureReportsDockerProblems(t *testing.T) {
	o := newTestMachine(t)
	host := "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
	docker := filepath.Join(o.home.Dir, ".docker", "config.json")
	if err := os.WriteFile(docker, []byte(`{"credHelpers":{"`+host+`":"ecr-login"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	err := Run(context.Background(), o.input("corp", corpURL, corpRegion, "", "dev", "eu-west-1", "", ""))
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
