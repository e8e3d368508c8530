package profile

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
)

// chooseFailsCases are the test cases of TestChooseFails.
var chooseFailsCases = map[string]struct {
	files
	want error
	text string
}{
	"AWS_PROFILE is missing, and the account would match": {
		files{config: session + sso("dev", one, "R"), env: map[string]string{"AWS_PROFILE": "prod"}},
		&MissingProfileError{Profile: "prod", Source: "AWS_PROFILE"},
		`profile "prod" (AWS_PROFILE) is not in config`},
	"AWS_DEFAULT_PROFILE is missing": {
		files{env: map[string]string{"AWS_DEFAULT_PROFILE": "prod"}},
		&MissingProfileError{Profile: "prod", Source: "AWS_DEFAULT_PROFILE"},
		`profile "prod" (AWS_DEFAULT_PROFILE) is not in config`},
	"mapped profile is missing, and AWS_PROFILE is there": {
		files{config: session + sso("dev", one, "R"), settings: mapped("*.dkr.ecr.*.amazonaws.com", "prod"), env: map[string]string{"AWS_PROFILE": "dev"}},
		&MissingProfileError{Profile: "prod", Source: `mapping "*.dkr.ecr.*.amazonaws.com"`},
		`profile "prod" (mapping "*.dkr.ecr.*.amazonaws.com") is not in config`},
	"mapped profile has no session": {
		files{config: "[profile p]\nsso_session = gone\nsso_account_id = 1\nsso_role_name = R\n" + session + sso("dev", one, "R"), settings: mapped(host, "p")},
		&awsconfig.SessionMissingError{Profile: "p", Session: "gone"},
		`profile "p" names SSO session "gone", which is not configured`},
	"AWS_PROFILE has no role": {
		files{config: session + "[profile p]\nsso_session = corp\nsso_account_id = 1\n" + sso("dev", one, "R"), env: map[string]string{"AWS_PROFILE": "p"}},
		&awsconfig.IncompleteError{Profile: "p", Missing: []string{"sso_role_name"}},
		`SSO profile "p" lacks sso_role_name`},
	"AWS_PROFILE has a source that does not exist": {
		files{config: session + "[profile p]\nrole_arn = arn\nsource_profile = gone\n" + sso("dev", one, "R"), env: map[string]string{"AWS_PROFILE": "p"}},
		&awsconfig.OriginError{Profile: "p", Unusable: "gone", Why: `takes its credentials from source_profile "gone", which does not exist`},
		`profile "p" takes its credentials from source_profile "gone", which does not exist`},
	"key without its secret, and the account would match": {
		files{config: session + sso("dev", one, "R"), env: map[string]string{"AWS_ACCESS_KEY_ID": "A"}},
		&HalfSetError{Set: "AWS_ACCESS_KEY_ID", Missing: "AWS_SECRET_ACCESS_KEY"},
		"AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"},
	"key without its secret beside AWS_PROFILE": {
		files{config: session + sso("dev", one, "R"), env: map[string]string{"AWS_ACCESS_KEY": "A", "AWS_PROFILE": "dev"}},
		&HalfSetError{Set: "AWS_ACCESS_KEY", Missing: "AWS_SECRET_ACCESS_KEY"},
		"AWS_ACCESS_KEY is set, but AWS_SECRET_ACCESS_KEY is not"},
	"web identity without a role, and the account would match": {
		files{config: session + sso("dev", one, "R"), env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}},
		&HalfSetError{Set: "AWS_WEB_IDENTITY_TOKEN_FILE", Missing: "AWS_ROLE_ARN"},
		"AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not"},
	"AWS_PROFILE contradicts its session": {
		files{config: session + sso("p", one, "R", "sso_region = x"), env: map[string]string{"AWS_PROFILE": "p"}},
		&awsconfig.ConflictError{Profile: "p", Session: "corp", Key: "sso_region"},
		`profile "p" and its SSO session "corp" set different values for sso_region`},
	"several profiles of the account": {
		files{config: session + sso("b", one, "B") + sso("x", two, "X") + sso("a", one, "A")},
		&AmbiguousError{Host: host, Account: one, Profiles: []string{"b", "a"}, Roles: []string{"B", "A"}},
		`account 111111111111 matches profiles "b", "a", and no setting selects one of them`},
	"several in the region": {
		files{config: session + sso("default", one, "D") + sso("b", one, "B", "region = eu-west-1") + sso("a", one, "A", "region = eu-west-1")},
		&AmbiguousError{Host: host, Account: one, Profiles: []string{"b", "a"}, Roles: []string{"B", "A"}},
		`account 111111111111 matches profiles "b", "a", and no setting selects one of them`},
	"one role in two sessions": {
		files{config: session + "[sso-session two]\nsso_start_url = https://c.awsapps.com/start\nsso_region = us-east-1\n" +
			sso("a", one, "R") + strings.Replace(sso("b", one, "R"), "corp", "two", 1)},
		&AmbiguousError{Host: host, Account: one, Profiles: []string{"a", "b"}},
		`account 111111111111 matches profiles "a", "b", and no setting selects one of them`},
	"default profile as the last source, broken": {
		files{config: session + "[default]\nsso_session = corp\nsso_role_name = R\n"},
		&awsconfig.IncompleteError{Profile: "default", Missing: []string{"sso_account_id"}},
		`SSO profile "default" lacks sso_account_id`},
	"default profile as the last source, without a source of its own": {
		files{config: session + "[default]\nrole_arn = arn\n"},
		&awsconfig.OriginError{Profile: "default", Why: "has role_arn, and no source_profile or credential_source to assume it with"},
		`profile "default" has role_arn, and no source_profile or credential_source to assume it with`},
}

func TestChooseFails(t *testing.T) {
	for name, c := range chooseFailsCases {
		t.Run(name, func(t *testing.T) {
			choice, err := choose(t, host, c.files)
			if err == nil {
				t.Fatalf("chose %+v", choice)
			}
			steps := StepsOf(err)
			if n := len(steps); n == 0 || steps[n-1].Verdict != Failed {
				t.Errorf("the last step must be the failed one: %q", steps)
			}
			if missing, ok := errors.AsType[*MissingProfileError](err); ok {
				missing.ConfigPath = filepath.Base(missing.ConfigPath)
				want := c.want.(*MissingProfileError)
				want.ConfigPath = "config"
			}
			cause := err
			for inner := errors.Unwrap(cause); inner != nil; inner = errors.Unwrap(cause) {
				cause = inner
			}
			if diff := cmp.Diff(c.want, cause); diff != "" {
				t.Error(diff)
			}
			if err.Error() != c.text {
				t.Errorf("text = %s", err)
			}
		})
	}
}

func TestSteps(t *testing.T) {
	broken := "[profile old]\nsso_session = gone\nsso_account_id = " + one + "\nsso_role_name = R\n"
	for name, c := range map[string]struct {
		host string
		files
		want []Step
	}{
		"mapping": {host, files{config: session + sso("dev", one, "R"), settings: mapped("*.dkr.ecr.*.amazonaws.com", "dev")}, []Step{
			{"mapping", "selected", `"*.dkr.ecr.*.amazonaws.com" is mapped to profile "dev" in config.toml`},
		}},
		"AWS_PROFILE": {host, files{config: session + sso("prod", two, "R"), settings: mapped("public.ecr.aws", "x"),
			env: map[string]string{"AWS_PROFILE": "prod"}}, []Step{
			{"mapping", "no match", "no pattern in config.toml matches " + host},
			{"environment", "selected", "AWS_PROFILE=prod"},
		}},
		"keys": {host, files{env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_KEY": "s", "AWS_PROFILE": "prod"}}, []Step{
			{"mapping", "no match", "no mappings in config.toml"},
			{"environment", "selected", "AWS_ACCESS_KEY_ID and AWS_SECRET_KEY, which take precedence over AWS_PROFILE=prod"},
		}},
		"account": {host, files{config: session + broken + sso("dev", one, "R"), env: map[string]string{"AWS_SECRET_ACCESS_KEY": "s"}}, []Step{
			{"mapping", "no match", "no mappings in config.toml"},
			{"environment", "no match", "no credentials and no profile; AWS_SECRET_ACCESS_KEY without AWS_ACCESS_KEY_ID is ignored"},
			{"account match", "skipped", `profile "old" names SSO session "gone", which is not configured`},
			{"account match", "selected", `profile "dev", the only one for account 111111111111`},
		}},
		"region": {host, files{config: session + sso("a", one, "A") + sso("b", one, "B", "region = eu-west-1")}, []Step{
			{"mapping", "no match", "no mappings in config.toml"},
			{"environment", "no match", "no credentials and no profile"},
			{"account match", "selected", `profile "b", the one in eu-west-1 of 2 for account 111111111111`},
		}},
		"one identity": {host, files{config: session + sso("a", one, "A") + sso("b", one, "A")}, []Step{
			{"mapping", "no match", "no mappings in config.toml"},
			{"environment", "no match", "no credentials and no profile"},
			{"account match", "selected", `profile "a", the first of 2 for account 111111111111 that are the same identity`},
		}},
		"chain": {host, files{}, []Step{
			{"mapping", "no match", "no mappings in config.toml"},
			{"environment", "no match", "no credentials and no profile"},
			{"account match", "no match", "no profile for account 111111111111 in config"},
			{"default chain", "selected", `credentials of the container or the instance`},
		}},
		"ECR Public": {public, files{config: session + sso("a", one, "A") + sso("b", two, "B")}, []Step{
			{"mapping", "no match", "no mappings in config.toml"},
			{"environment", "no match", "no credentials and no profile"},
			{"account match", "no match", "ECR Public host names contain no account, and 2 SSO profiles in config are possible"},
			{"default chain", "selected", `credentials of the container or the instance`},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := choose(t, c.host, c.files)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Steps); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStepsOfOtherErrors(t *testing.T) {
	if StepsOf(nil) != nil || StepsOf(errors.New("x")) != nil {
		t.Error("other errors have no steps")
	}
}

func TestErrorTextsWithoutPath(t *testing.T) {
	for want, err := range map[string]error{
		`profile "p" (AWS_PROFILE) is not in the AWS configuration`: &MissingProfileError{Profile: "p", Source: "AWS_PROFILE"},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	for kind, want := range map[Kind]string{SSO: "SSO", SDKProfile: "profile", Environment: "environment", Chain: "default chain"} {
		if kind.String() != want {
			t.Errorf("kind %d is %q", kind, kind)
		}
	}
}
