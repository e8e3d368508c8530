package profile

import (
	"fmt"
	"strings"
	"testing"
)

// TestIdentitiesAreSeparate changes one thing at a time. No two of these may share a login.
func TestIdentitiesAreSeparate(t *testing.T) {
	push := "[profile push]\nrole_arn = arn:push\nsource_profile = dev\n"
	envRole := "[profile er]\nrole_arn = arn\ncredential_source = Environment\n"
	ecsRole := "[profile ec]\nrole_arn = arn\ncredential_source = EcsContainer\n"
	profile := func(name string) map[string]string { return map[string]string{"AWS_PROFILE": name} }
	keys := func(id string) map[string]string {
		return map[string]string{"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": "s"}
	}
	seen := map[string]string{}
	for _, c := range []struct {
		name string
		files
	}{
		{"SSO", files{config: session + sso("dev", one, "R")}},
		{"another role", files{config: session + sso("dev", one, "R2")}},
		{"another account", files{config: session + sso("dev", two, "R"), env: profile("dev")}},
		{"another session", files{config: strings.ReplaceAll(session+sso("dev", one, "R"), "corp", "two")}},
		{"another start URL", files{config: strings.Replace(session, "/start", "/start/", 1) + sso("dev", one, "R")}},
		{"another SSO region", files{config: strings.Replace(session, "us-east-1", "us-east-2", 1) + sso("dev", one, "R")}},
		{"legacy profile", files{config: "[profile l]\nsso_start_url = https://c.awsapps.com/start\nsso_region = us-east-1\nsso_account_id = " + one + "\nsso_role_name = R\n"}},
		{"role over SSO", files{config: session + sso("dev", one, "R") + push, env: profile("push")}},
		{"another chained role", files{config: session + sso("dev", one, "R") + strings.Replace(push, "arn:push", "arn:pull", 1), env: profile("push")}},
		{"same over another role", files{config: session + sso("dev", one, "R2") + push, env: profile("push")}},
		{"same over another session", files{config: strings.Replace(session, "us-east-1", "us-east-2", 1) + sso("dev", one, "R") + push, env: profile("push")}},
		{"profile with keys", files{credentials: "[k]\naws_access_key_id = A\naws_secret_access_key = s\n", env: profile("k")}},
		{"same with other keys", files{credentials: "[k]\naws_access_key_id = B\naws_secret_access_key = s\n", env: profile("k")}},
		{"same keys under another name", files{credentials: "[k2]\naws_access_key_id = A\naws_secret_access_key = s\n", env: profile("k2")}},
		{"process", files{config: "[profile p]\ncredential_process = a\n", env: profile("p")}},
		{"another process", files{config: "[profile p]\ncredential_process = b\n", env: profile("p")}},
		{"role over the environment's keys", files{config: envRole, settings: mapped(host, "er"), env: keys("A")}},
		{"role over other keys of the environment", files{config: envRole, settings: mapped(host, "er"), env: keys("B")}},
		{"role over the container", files{config: ecsRole, settings: mapped(host, "ec"), env: map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/a"}}},
		{"role over another container", files{config: ecsRole, settings: mapped(host, "ec"), env: map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/b"}}},
		{"keys of the environment", files{env: keys("A")}},
		{"other keys of the environment", files{env: keys("B")}},
		{"web identity", files{env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"}}},
		{"web identity, another role", files{env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r2"}}},
		{"web identity, another token", files{env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t2", "AWS_ROLE_ARN": "r"}}},
		{"web identity, another name", files{env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r", "AWS_ROLE_SESSION_NAME": "n"}}},
		{"container", files{env: map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/a"}}},
		{"another container", files{env: map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/b"}}},
		{"container by URL", files{env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "/a"}}},
		{"container with a token file", files{env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "/a", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/t"}}},
		{"container behind a default profile", files{env: map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/a"}, credentials: "[default]\naws_access_key_id = A\naws_secret_access_key = s\n"}},
		{"chain", files{}},
		{"chain with a default profile", files{credentials: "[default]\naws_access_key_id = A\naws_secret_access_key = s\n"}},
		{"chain with another default profile", files{credentials: "[default]\naws_access_key_id = B\naws_secret_access_key = s\n"}},
		{"chain with another metadata service", files{env: map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x"}}},
	} {
		choice, err := choose(t, host, c.files)
		if err != nil {
			t.Errorf("%s: error %v", c.name, err)
			continue
		}
		if before, ok := seen[choice.Identity]; ok {
			t.Errorf("%q and %q are one identity: %s", before, c.name, choice.Identity)
		}
		seen[choice.Identity] = c.name
	}
}

// TestSameIdentityStaysSame changes things that do not affect the identity.
func TestSameIdentityStaysSame(t *testing.T) {
	first, err := choose(t, host, files{config: session + sso("dev", one, "R")})
	if err != nil {
		t.Fatal(err)
	}
	if want := "sso|corp|https://c.awsapps.com/start|111111111111|R|us-east-1"; first.Identity != want {
		t.Errorf("identity = %q, want %q", first.Identity, want)
	}
	for name, f := range map[string]files{
		"another name of the profile":    {config: session + sso("prod", one, "R")},
		"another region":                 {config: session + sso("dev", one, "R", "region = eu-west-1", "output = json")},
		"chosen by AWS_PROFILE":          {config: session + sso("dev", one, "R"), env: map[string]string{"AWS_PROFILE": "dev"}},
		"chosen by a mapping":            {config: session + sso("dev", one, "R"), settings: mapped(host, "dev")},
		"profile is written differently": {config: "# c\r\n" + sso("'dev'", one, "'R'", "sso_region = us-east-1") + session},
	} {
		t.Run(name, func(t *testing.T) {
			again, err := choose(t, host, f)
			if err != nil || again.Identity != first.Identity {
				t.Errorf("identity = %q, %v", again.Identity, err)
			}
		})
	}
}

// A process that has the path of the ECS credential service can get the task's credentials.
func TestContainerPathIsNotShown(t *testing.T) {
	choice, err := choose(t, host, files{env: map[string]string{
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/c4nary", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "c4nary"}})
	if err != nil || choice.Source != SourceContainer || strings.Contains(fmt.Sprintf("%+v", choice), "c4nary") {
		t.Errorf("got %+v, error %v", choice, err)
	}
}

// An address must be saved without its user, password and query.
func TestAddressIsShownWithoutItsSecrets(t *testing.T) {
	for address, want := range map[string]string{
		"http://169.254.170.23/v1/credentials": "http://169.254.170.23/v1/credentials",
		"http://u:c4nary@localhost/a":          "http://localhost/a ",
		"http://localhost/a?token=c4nary@x":    "http://localhost/a ",
		"u:c4nary@localhost":                   "localhost ",
		"http://u@v:c4nary@localhost":          "http://localhost ",
	} {
		choice, err := choose(t, host, files{env: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": address}})
		if text := fmt.Sprintf("%+v", choice); err != nil || strings.Contains(text, "c4nary") || !strings.Contains(text, want) {
			t.Errorf("%s: got %s, error %v", address, text, err)
		}
	}
	a, b := redactURL("http://u:one@h/"), redactURL("http://u:two@h/")
	if a == b {
		t.Error("two passwords give one identity")
	}
}

func TestPartsOfIdentityAreDelimited(t *testing.T) {
	if identity("k", "a|b", "c") == identity("k", "a", "b|c") || identity("k", "%7C") == identity("k", "|") {
		t.Error("two lists of parts give one identity")
	}
}
