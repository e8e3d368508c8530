package profile

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	host   = "111111111111.dkr.ecr.eu-west-1.amazonaws.com"
	public = "public.ecr.aws"
)

// files contains the files and the environment of a test case.
type files struct {
	config, credentials, settings string
	env                           map[string]string
}

// choose writes real files, loads them and calls Choose.
func choose(t *testing.T, host string, f files) (Choice, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"config": f.config, "credentials": f.credentials, "config.toml": f.settings} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := awsconfig.Load(awsconfig.Paths{Config: filepath.Join(dir, "config"), Credentials: filepath.Join(dir, "credentials")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Load(filepath.Join(dir, "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.Parse(host)
	if err != nil {
		t.Fatal(err)
	}
	choice, err := Choose(r, env.FromMap(f.env), s, c)
	for i := range choice.Steps {
		choice.Steps[i].Detail = strings.ReplaceAll(choice.Steps[i].Detail, dir+string(filepath.Separator), "")
	}
	return choice, err
}

const session = "[sso-session corp]\nsso_start_url = https://c.awsapps.com/start\nsso_region = us-east-1\n"

// sso returns the text of an SSO profile.
func sso(name, account, role string, more ...string) string {
	header := "[profile " + name + "]\n"
	if name == "default" {
		header = "[default]\n"
	}
	return header + "sso_session = corp\nsso_account_id = " + account + "\nsso_role_name = " + role + "\n" +
		strings.Join(more, "\n") + "\n"
}

const (
	one = "111111111111"
	two = "222222222222"
)

func mapped(pattern, profile string) string {
	return "[registries]\n\"" + pattern + "\" = \"" + profile + "\"\n"
}

var (
	environmentKeys = map[string]string{"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}
	dev             = session + sso("dev", one, "Admin")
	web             = map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn:r"}
)

// with returns the environment keys and further variables.
func with(more ...string) map[string]string {
	m := maps.Clone(environmentKeys)
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

type want struct {
	Kind            Kind
	Profile, Source string
	TokenFileKey    string
}

// chooseCases are the test cases of TestChoose.
var chooseCases = map[string]struct {
	host string
	files
	want want
}{
	// 1: the mapping
	"mapping to an SSO profile of another account": {host,
		files{config: session + sso("other", two, "R") + sso("dev", one, "R"), settings: mapped(host, "other")},
		want{SSO, "other", SourceMapping, "corp"}},
	"mapping takes precedence over keys and AWS_PROFILE": {host,
		files{config: dev + sso("x", two, "R"), settings: mapped("*.dkr.ecr.*.amazonaws.com", "x"), env: with("AWS_PROFILE", "dev")},
		want{SSO, "x", SourceMapping, "corp"}},
	"mapping to a profile with static keys": {host,
		files{config: dev, credentials: "[ci]\naws_access_key_id = A\naws_secret_access_key = s\n", settings: mapped(host, "ci")},
		want{SDKProfile, "ci", SourceMapping, ""}},
	"mapping to a role over SSO": {host,
		files{config: dev + "[profile push]\nrole_arn = arn\nsource_profile = dev\n", settings: mapped(host, "push")},
		want{SDKProfile, "push", SourceMapping, "corp"}},
	"mapping of another host": {host,
		files{config: dev, settings: mapped("222222222222.dkr.ecr.eu-west-1.amazonaws.com", "x")},
		want{SSO, "dev", SourceAccountMatch, "corp"}},
	"mapping of ECR Public": {public,
		files{config: dev + sso("x", two, "R"), settings: mapped(public, "x")},
		want{SSO, "x", SourceMapping, "corp"}},
	// 2: the environment
	"keys": {host, files{config: dev, env: environmentKeys}, want{Environment, "", SourceKeys, ""}},
	"keys take precedence over AWS_PROFILE, even over a missing profile": {host,
		files{config: dev, env: with("AWS_PROFILE", "gone")}, want{Environment, "", SourceKeys, ""}},
	"keys by their older names": {host,
		files{config: dev, env: map[string]string{"AWS_ACCESS_KEY": "A", "AWS_SECRET_KEY": "s"}},
		want{Environment, "", SourceKeys, ""}},
	"keys, one by its older name": {host,
		files{config: dev, env: map[string]string{"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_KEY": "s"}},
		want{Environment, "", SourceKeys, ""}},
	"secret without its key does not count": {host,
		files{config: dev, env: map[string]string{"AWS_SECRET_ACCESS_KEY": "s"}}, want{SSO, "dev", SourceAccountMatch, "corp"}},
	"empty keys do not count": {host,
		files{config: dev, env: map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}},
		want{SSO, "dev", SourceAccountMatch, "corp"}},
	"AWS_PROFILE, an SSO profile of any account": {host,
		files{config: dev + sso("x", two, "R"), env: map[string]string{"AWS_PROFILE": "x"}},
		want{SSO, "x", SourceProfile, "corp"}},
	"AWS_PROFILE with blanks in its name": {host,
		files{config: session + sso("'my dev'", two, "R"), env: map[string]string{"AWS_PROFILE": "my dev"}},
		want{SSO, "my dev", SourceProfile, "corp"}},
	"AWS_PROFILE, hidden from the SDK by keys of the same name": {host,
		files{config: dev, credentials: "[dev]\naws_access_key_id = A\naws_secret_access_key = s\n", env: map[string]string{"AWS_PROFILE": "dev"}},
		want{SSO, "dev", SourceProfile, "corp"}},
	"AWS_PROFILE with a process": {host,
		files{config: dev + "[profile p]\ncredential_process = /bin/x\n", env: map[string]string{"AWS_PROFILE": "p"}},
		want{SDKProfile, "p", SourceProfile, ""}},
	"AWS_PROFILE takes precedence over AWS_DEFAULT_PROFILE": {host,
		files{config: dev + sso("x", two, "R"), env: map[string]string{"AWS_PROFILE": "x", "AWS_DEFAULT_PROFILE": "dev"}},
		want{SSO, "x", SourceProfile, "corp"}},
	"AWS_DEFAULT_PROFILE when AWS_PROFILE is empty": {host,
		files{config: dev + sso("x", two, "R"), env: map[string]string{"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "x"}},
		want{SSO, "x", SourceDefaultProfile, "corp"}},
	"AWS_PROFILE takes precedence over web identity": {host,
		files{config: dev, env: map[string]string{"AWS_PROFILE": "dev", "AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"}},
		want{SSO, "dev", SourceProfile, "corp"}},
	"web identity": {host, files{config: dev, env: web}, want{Environment, "", SourceWebIdentity, ""}},
	"role without its web identity does not count": {host,
		files{config: dev, env: map[string]string{"AWS_ROLE_ARN": "r"}}, want{SSO, "dev", SourceAccountMatch, "corp"}},
	"session alone is not a default profile": {host,
		files{config: session + "[default]\nsso_session = corp\n"}, want{Chain, "", SourceChain, ""}},
	"session beside a program is a default profile": {host,
		files{config: session + "[default]\nsso_session = corp\ncredential_process = /bin/x\n"}, want{SDKProfile, "default", SourceChain, ""}},
	"AWS_PROFILE with a session and a program": {host,
		files{config: session + "[profile p]\nsso_session = corp\ncredential_process = /bin/x\n", env: map[string]string{"AWS_PROFILE": "p"}},
		want{SDKProfile, "p", SourceProfile, ""}},
	"AWS_PROFILE with a session alone": {host,
		files{config: session + "[profile p]\nsso_session = corp\n", env: map[string]string{"AWS_PROFILE": "p"}}, want{SDKProfile, "p", SourceProfile, ""}},
	"web identity takes precedence over the container": {host,
		files{config: dev, env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"}},
		want{Environment, "", SourceWebIdentity, ""}},
	"container by its path": {host,
		files{config: dev, env: map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"}}, want{Environment, "", SourceContainer, ""}},
	"container by its URL": {host,
		files{config: dev, env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/c"}},
		want{Environment, "", SourceContainer, ""}},
	"environment counts for ECR Public": {public,
		files{config: dev, env: environmentKeys}, want{Environment, "", SourceKeys, ""}},
	// 3: the account
	"one profile of the account": {host,
		files{config: session + sso("x", two, "R") + sso("dev", one, "R")}, want{SSO, "dev", SourceAccountMatch, "corp"}},
	"legacy profile": {host,
		files{config: "[profile l]\nsso_start_url = https://l/start#/\nsso_region = r\nsso_account_id = " + one + "\nsso_role_name = R\n"},
		want{SSO, "l", SourceAccountMatch, "https://l/start#/"}},
	"several, one in the registry's region": {host,
		files{config: session + sso("a", one, "A", "region = us-east-1") + sso("b", one, "B", "region = eu-west-1")},
		want{SSO, "b", SourceAccountMatch, "corp"}},
	"several, one is the default": {host,
		files{config: session + sso("a", one, "A") + sso("default", one, "B")}, want{SSO, "default", SourceAccountMatch, "corp"}},
	"several in the region, one is the default": {host,
		files{config: session + sso("a", one, "A", "region = eu-west-1") + sso("default", one, "B", "region = eu-west-1") + sso("c", one, "C")},
		want{SSO, "default", SourceAccountMatch, "corp"}},
	"region comes before the default": {host,
		files{config: session + sso("default", one, "A") + sso("b", one, "B", "region = eu-west-1")},
		want{SSO, "b", SourceAccountMatch, "corp"}},
	"several names of one identity": {host,
		files{config: session + sso("b", one, "R") + sso("a", one, "R", "region = eu-west-1")}, want{SSO, "b", SourceAccountMatch, "corp"}},
	"several names of one identity within the region": {host,
		files{config: session + sso("x", one, "X") + sso("b", one, "R", "region = eu-west-1") + sso("a", one, "R", "region = eu-west-1")},
		want{SSO, "b", SourceAccountMatch, "corp"}},
	"broken one next to a good one": {host,
		files{config: session + "[profile broken]\nsso_session = gone\nsso_account_id = " + one + "\nsso_role_name = R\n" + sso("dev", one, "R")},
		want{SSO, "dev", SourceAccountMatch, "corp"}},
	"profile with a process is never matched": {host,
		files{config: "[profile p]\naws_account_id = " + one + "\ncredential_process = /bin/false\n"}, want{Chain, "", SourceChain, ""}},
	"process beside SSO does not matter": {host,
		files{config: session + sso("dev", one, "R", "credential_process = /bin/false")}, want{SSO, "dev", SourceAccountMatch, "corp"}},
	"role over SSO is never matched": {host,
		files{config: session + sso("dev", one, "R", "role_arn = arn", "source_profile = x")}, want{Chain, "", SourceChain, ""}},
	// 3, ECR Public
	"ECR Public uses the default profile": {public,
		files{config: session + sso("a", one, "A") + sso("default", two, "B")}, want{SSO, "default", SourceAccountMatch, "corp"}},
	"ECR Public uses the only identity, under any profile name": {public,
		files{config: session + sso("a", one, "A") + sso("b", one, "A")}, want{SSO, "a", SourceAccountMatch, "corp"}},
	"ECR Public with several matching profiles": {public,
		files{config: session + sso("a", one, "A") + sso("b", two, "A")}, want{Chain, "", SourceChain, ""}},
	"ECR Public without a usable profile": {public,
		files{config: "[default]\nsso_session = gone\n"}, want{Chain, "", SourceChain, ""}},
	"ECR Public without any configuration": {public, files{}, want{Chain, "", SourceChain, ""}},
	// 4: the chain
	"nothing at all": {host, files{}, want{Chain, "", SourceChain, ""}},
	"default profile has keys": {host,
		files{credentials: "[default]\naws_access_key_id = A\naws_secret_access_key = s\n"}, want{SDKProfile, "default", SourceChain, ""}},
	"default profile is an SSO profile of another account": {host,
		files{config: session + sso("default", two, "R")}, want{SSO, "default", SourceChain, "corp"}},
	"default profile is a role over SSO": {host,
		files{config: session + sso("x", two, "R") + "[default]\nrole_arn = arn\nsource_profile = x\n"}, want{SDKProfile, "default", SourceChain, "corp"}},
	"container comes after a default profile that has credentials": {host,
		files{credentials: "[default]\naws_access_key_id = A\naws_secret_access_key = s\n", env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/x"}},
		want{SDKProfile, "default", SourceChain, ""}},
}

func TestChoose(t *testing.T) {
	for name, c := range chooseCases {
		t.Run(name, func(t *testing.T) {
			got, err := choose(t, c.host, c.files)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, want{got.Kind, got.Profile, got.Source, got.TokenFileKey}); diff != "" {
				t.Errorf("%s\nsteps: %q", diff, got.Steps)
			}
			if (got.TokenFileKey != "") != (got.SSO.Profile != "") || got.Kind == SSO && got.SSO.Profile != got.Profile {
				t.Errorf("SSO = %+v", got.SSO)
			}
			if got.Identity == "" || strings.Contains(got.Identity, "AKIA") {
				t.Errorf("identity = %q", got.Identity)
			}
			if n := len(got.Steps); n == 0 || got.Steps[n-1].Verdict != Selected {
				t.Errorf("the last step must be the selected one: %q", got.Steps)
			}
			if again, err := choose(t, c.host, c.files); err != nil || again.Identity != got.Identity {
				t.Errorf("the identity differs the second time: %q, %q", got.Identity, again.Identity)
			}
		})
	}
}

// The roles setting takes precedence over the region and the name, but only if a pattern
// leaves exactly one identity.
func TestPreferredRoles(t *testing.T) {
	three := session + sso("ro", one, "ReadOnlyAccess") + sso("push", one, "Push") + sso("audit", one, "ReadAudit")
	for name, c := range map[string]struct {
		config, roles, profile string // profile: "" for an error
	}{
		"exact name":                              {three, `["Push"]`, "push"},
		"pattern":                                 {three, `["ReadOnly*"]`, "ro"},
		"first pattern that leaves one":           {three, `["None", "Read*", "ReadA*", "Push"]`, "audit"},
		"one character":                           {three, `["Pu?h"]`, "push"},
		"letters of the other case":               {three, `["push"]`, ""},
		"pattern that leaves two":                 {three, `["Read*"]`, ""},
		"pattern that leaves all":                 {three, `["*"]`, ""},
		"no pattern":                              {three, `[]`, ""},
		"one role under two names":                {three + sso("again", one, "Push"), `["Push"]`, "push"},
		"one role under two names and regions":    {three + sso("again", one, "Push", "region = eu-west-1"), `["Push"]`, "push"},
		"before the region":                       {three + sso("here", one, "Admin", "region = eu-west-1"), `["Push"]`, "push"},
		"before the name default":                 {three + sso("default", one, "Admin"), `["Push"]`, "push"},
		"region when no pattern decides":          {three + sso("here", one, "Admin", "region = eu-west-1"), `["Read*"]`, "here"},
		"default when no pattern decides":         {three + sso("default", one, "Admin"), `["Read*"]`, "default"},
		"role of another account":                 {three + sso("other", two, "Other"), `["Other"]`, ""},
		"broken profile with the role":            {three + "[profile b]\nsso_session = gone\nsso_account_id = " + one + "\nsso_role_name = B\n", `["B"]`, ""},
		"one role in two sessions":                {three + "[sso-session two]\nsso_start_url = https://d.awsapps.com/start\nsso_region = us-east-1\n" + strings.Replace(sso("b", one, "Push"), "corp", "two", 1), `["Push"]`, ""},
		"single profile, with any role":           {session + sso("ro", one, "ReadOnlyAccess"), `["Push"]`, "ro"},
		"AWS_PROFILE and mappings come before it": {three, "[\"Push\"]\n" + mapped(host, "ro"), "ro"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := choose(t, host, files{config: c.config, settings: "roles = " + c.roles + "\n"})
			if got.Profile != c.profile || (err != nil) != (c.profile == "") {
				t.Errorf("got %q, error %v, %q", got.Profile, err, got.Steps)
			}
		})
	}
	got, err := choose(t, host, files{config: three, settings: `roles = ["Admin", "ReadOnly*"]`})
	want := Step{StepAccount, Selected, `profile "ro", the only one of 3 for account 111111111111 whose role matches "ReadOnly*" of roles in config.toml`}
	if diff := cmp.Diff(want, got.Steps[len(got.Steps)-1]); diff != "" || err != nil {
		t.Error(diff, err)
	}
	_, err = choose(t, host, files{config: three + sso("odd", one, "My Role")})
	ambiguous, ok := errors.AsType[*AmbiguousError](err)
	if diff := cmp.Diff([]string{"ReadOnlyAccess", "Push", "ReadAudit"}, ambiguous.Roles); !ok || diff != "" {
		t.Error(err, diff)
	}
}

// The profiles in the account.
const (
	keysOf  = "[keys]\naws_access_key_id = A\naws_secret_access_key = s\n"
	push    = "[profile push]\nrole_arn = arn:aws:iam::" + one + ":role/team/Push\nsource_profile = keys\n"
	admin   = "[profile admin]\nrole_arn = arn:aws:iam::" + one + ":role/Admin\nsource_profile = keys\nregion = eu-west-1\n"
	foreign = "[profile foreign]\nrole_arn = arn:aws:iam::" + two + ":role/Push\nsource_profile = keys\n"
	console = "[profile console]\nlogin_session = arn:aws:iam::" + one + ":user/dev\n"
	process = "[profile p]\naws_account_id = " + one + "\ncredential_process = /bin/false\n"
	def     = "[default]\naws_access_key_id = A\naws_secret_access_key = s\n"
)

// accountProfileCases are the test cases of TestProfilesOfAccount.
var accountProfileCases = map[string]struct {
	config, credentials, settings string
	profile, source               string
}{
	"role over keys":                 {push, keysOf, "", "push", SourceAccountMatch},
	"role over SSO":                  {session + sso("other", two, "R") + "[profile push]\nrole_arn = arn:aws:iam::" + one + ":role/Push\nsource_profile = other\n", "", "", "push", SourceAccountMatch},
	"role with web identity":         {"[profile w]\nrole_arn = arn:aws-cn:iam::" + one + ":role/Push\nweb_identity_token_file = /t\n", "", "", "w", SourceAccountMatch},
	"role of the instance":           {"[profile i]\nrole_arn = arn:aws:iam::" + one + ":role/Push\ncredential_source = Ec2InstanceMetadata\n", "", "", "i", SourceAccountMatch},
	"aws login session":              {console, "", "", "console", SourceAccountMatch},
	"login session of a role":        {"[profile c]\nlogin_session = arn:aws:sts::" + one + ":assumed-role/Push/dev\n", "", "", "c", SourceAccountMatch},
	"keys with aws_account_id":       {"", "[k]\naws_access_key_id = A\naws_secret_access_key = s\naws_account_id = " + one + "\n", "", "k", SourceAccountMatch},
	"SSO comes first":                {push + console + session + sso("dev", one, "R"), keysOf, "roles = [\"Push\"]\n", "dev", SourceAccountMatch},
	"then roles":                     {console + push, keysOf, "", "push", SourceAccountMatch},
	"then logins":                    {console, "[k]\naws_access_key_id = A\naws_secret_access_key = s\naws_account_id = " + one + "\n", "", "console", SourceAccountMatch},
	"role of another account":        {foreign, keysOf, "", "", SourceChain},
	"account of the last role":       {foreign + "aws_account_id = " + one + "\n", keysOf, "", "", SourceChain},
	"account in the role's name":     {"[profile x]\nrole_arn = arn:aws:iam::" + two + ":role/" + one + "\nsource_profile = keys\n", keysOf, "", "", SourceChain},
	"an ARN of another service":      {"[profile x]\nrole_arn = arn:aws:s3::" + one + ":role/x\nsource_profile = keys\n", keysOf, "", "", SourceChain},
	"several, the region":            {push + admin, keysOf, "", "admin", SourceAccountMatch},
	"several, the preferred role":    {push + admin, keysOf, "roles = [\"Pu*\"]\n", "push", SourceAccountMatch},
	"role of a permission set":       {push + "[profile s]\nrole_arn = arn:aws:iam::" + one + ":role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0123456789abcdef\nsource_profile = keys\n", keysOf, "roles = [\"Dev\"]\n", "s", SourceAccountMatch},
	"several, as before":             {push + strings.Replace(push, "profile push", "profile again", 1) + def, keysOf, "", "default", SourceChain},
	"several, as before, no default": {push + strings.Replace(push, "profile push", "profile again", 1), keysOf, "", "", SourceChain},
	"program":                        {process, "", "", "", SourceChain},
	"program as a source":            {"[profile push]\nrole_arn = arn:aws:iam::" + one + ":role/Push\nsource_profile = p\n[profile p]\ncredential_process = /bin/false\n", "", "", "", SourceChain},
	"program beside a login":         {console + process, "", "", "console", SourceAccountMatch},
	"program that is the default":    {"[default]\naws_account_id = " + one + "\ncredential_process = /bin/false\n", "", "", "default", SourceChain},
	"role that needs MFA":            {push + "mfa_serial = arn:aws:iam::1:mfa/x\n", keysOf, "", "", SourceChain},
	"role without a source":          {"[profile push]\nrole_arn = arn:aws:iam::" + one + ":role/Push\n", "", "", "", SourceChain},
	"source that does not exist":     {"[profile push]\nrole_arn = arn:aws:iam::" + one + ":role/Push\nsource_profile = gone\n", "", "", "", SourceChain},
	"profile without credentials":    {"[profile n]\naws_account_id = " + one + "\nregion = x\n", "", "", "", SourceChain},
	"broken one next to a good one":  {"[profile b]\nrole_arn = arn:aws:iam::" + one + ":role/Push\n" + console, "", "", "console", SourceAccountMatch},
	"mapping":                        {push + foreign, keysOf, mapped(host, "foreign"), "foreign", SourceMapping},
	"an SSO profile of two accounts": {session + sso("dev", two, "R", "aws_account_id = "+one), "", "", "", SourceChain},
	"default comes with its role":    {"[default]\nrole_arn = arn:aws:iam::" + one + ":role/D\nsource_profile = keys\n" + push, keysOf, "", "default", SourceAccountMatch},
}

// Choose must find non-SSO profiles by their account, after the SSO profiles. A case that
// selected another profile in an earlier version must still select it.
func TestProfilesOfAccount(t *testing.T) {
	for name, c := range accountProfileCases {
		t.Run(name, func(t *testing.T) {
			got, err := choose(t, host, files{config: c.config, credentials: c.credentials, settings: c.settings})
			if err != nil || got.Profile != c.profile || got.Source != c.source {
				t.Errorf("%q by %s, %v: %q", got.Profile, got.Source, err, got.Steps)
			}
		})
	}
	got, err := choose(t, host, files{config: process + push, credentials: keysOf})
	want := []Step{{StepMapping, NoMatch, "no mappings in config.toml"}, {StepEnvironment, NoMatch, "no credentials and no profile"},
		{StepAccount, Skipped, `profile "p" would run a program (credential_process), so it is used only if you name it`},
		{StepAccount, Selected, `profile "push", the only one for account 111111111111 (role_arn)`}}
	if diff := cmp.Diff(want, got.Steps); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
