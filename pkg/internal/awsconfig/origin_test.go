package awsconfig

import (
	"fmt"
	"strings"
	"testing"
)

// text formats an origin on one line in the order in which the AWS CLI would use it: from
// the end of the profile chain to the last role.
func (o Origin) text() string {
	own := ""
	switch o.Kind {
	case NoOrigin:
		own = "nothing"
	case FromSSO:
		own = fmt.Sprintf("sso %s/%s/%s", o.SSO.Session, o.SSO.Account, o.SSO.Role)
	case FromKeys:
		own = "keys " + o.Keys.AccessKeyID + " " + o.Keys.SecretAccessKey.Reveal()
	case FromWebID:
		own = "web identity " + o.WebIdentity.TokenFile + " " + o.WebIdentity.RoleARN
	case FromLogin:
		own = "login " + o.LoginSession
	case FromProcess:
		own = "process " + o.Process
	case FromEnv:
		own = "environment"
	case FromECS:
		own = "container"
	case FromInstance:
		own = "instance"
	}
	for _, r := range o.Roles {
		own += ", " + r.ARN
	}
	return own
}

// The profile parts.
const (
	sso     = "sso_session = corp\nsso_account_id = 111111111111\nsso_role_name = R\n"
	keys    = "aws_access_key_id = AKIA\naws_secret_access_key = s\n"
	process = "credential_process = /bin/x --y\n"
	login   = "login_session = arn:aws:iam::1:user/dev\n"
	over    = "role_arn = r1\nsource_profile = q\n[profile q]\n"
)

// originCases are the test cases of TestOrigin.
var originCases = map[string]struct{ profile, credentials, want string }{
	"nothing":       {"region = r\n", "", "nothing"},
	"session alone": {"sso_session = corp\n", "", "nothing"},
	"SSO":           {sso, "", "sso corp/111111111111/R"},
	"SSO takes precedence over keys of either file":         {sso + keys, "[p]\n" + keys, "sso corp/111111111111/R"},
	"SSO takes precedence over a process":                   {sso + process, "", "sso corp/111111111111/R"},
	"session beside a process":                              {"sso_session = corp\n" + process, "", "process /bin/x --y"},
	"session beside keys":                                   {"sso_session = corp\n" + keys, "", "keys AKIA s"},
	"missing session beside a process":                      {"sso_session = gone\n" + process, "", "process /bin/x --y"},
	"start URL beside a process":                            {"sso_start_url = u\nsso_region = r\n" + process, "", "process /bin/x --y"},
	"process takes precedence over keys of its own file":    {keys + process, "", "process /bin/x --y"},
	"keys of the other file take precedence over a process": {process, "[p]\n" + keys, "keys AKIA s"},
	"login session takes precedence over a process":         {login + process, "", "login arn:aws:iam::1:user/dev"},
	"keys of the other file take precedence over a login":   {login, "[p]\n" + keys, "keys AKIA s"},
	"half a key beside a process":                           {"aws_access_key_id = AKIA\n" + process, "", "process /bin/x --y"},
	"half a key":                                            {"aws_access_key_id = AKIA\n", "", `profile "p" has aws_access_key_id and no aws_secret_access_key`},
	"secret alone":                                          {"aws_secret_access_key = s\n", "", "nothing"},
	"profile of the credentials file":                       {"", "[p]\n" + keys + process, "keys AKIA s"},
	// The AWS CLI rejects this; the SDKs accept it.
	"key in one file, its secret in the other": {"aws_access_key_id = AKIA\n", "[p]\naws_secret_access_key = s\n", "keys AKIA s"},

	"web identity":              {"web_identity_token_file = /t\nrole_arn = r1\nsource_profile = q\n" + sso, "", "web identity /t r1"},
	"web identity without role": {"web_identity_token_file = /t\n" + keys, "", `profile "p" has web_identity_token_file and no role_arn`},

	"sources without a role are ignored": {"source_profile = q\ncredential_source = Environment\n" + keys, "", "keys AKIA s"},
	"role over SSO":                      {over + sso, "", "sso corp/111111111111/R, r1"},
	"role over SSO with keys beside it":  {over + sso, "[q]\n" + keys, "sso corp/111111111111/R, r1"},
	"role over a session and a process":  {over + "sso_session = corp\n" + process, "", "process /bin/x --y, r1"},
	"role over a session alone":          {over + "sso_session = corp\n", "", `profile "q" is a source_profile and has no credentials`},
	"role over a login session":          {over + login, "", "login arn:aws:iam::1:user/dev, r1"},
	"role over web identity":             {over + "web_identity_token_file = /t\nrole_arn = r2\n", "", "web identity /t r2, r1"},
	"role over a role":                   {over + "role_arn = r2\nsource_profile = o\n[profile o]\n" + keys, "", "keys AKIA s, r2, r1"},
	"source with keys and a role":        {over + "role_arn = r2\nsource_profile = gone\n" + keys, "", "keys AKIA s, r1"},
	"source without credentials":         {over + "region = r\n", "", `profile "q" is a source_profile and has no credentials`},
	"source that does not exist":         {"role_arn = r1\nsource_profile = gone\n", "", `profile "p" takes its credentials from source_profile "gone", which does not exist`},
	"loop":                               {over + "role_arn = r2\nsource_profile = p\n", "", `profile "q" names source_profile "p", which leads back to itself`},
	"role over its own keys":             {"role_arn = r1\nsource_profile = p\n" + keys, "", "keys AKIA s, r1"},
	"role over its own process":          {"role_arn = r1\nsource_profile = p\n" + process, "", `profile "p" names source_profile "p", which leads back to itself`},
	"role without a source":              {"role_arn = r1\n", "", `profile "p" has role_arn, and no source_profile or credential_source to assume it with`},
	"role with two sources":              {"role_arn = r1\nsource_profile = q\ncredential_source = Environment\n", "", `profile "p" has both source_profile and credential_source`},
	// The AWS CLI rejects this; the Go SDK accepts it.
	"role without a source over SSO": {sso + "role_arn = r1\n", "", "sso corp/111111111111/R, r1"},

	"environment":    {"role_arn = r1\ncredential_source = Environment\n" + keys, "", "environment, r1"},
	"container":      {"role_arn = r1\ncredential_source = EcsContainer\n", "", "container, r1"},
	"instance":       {over + "role_arn = r2\ncredential_source = Ec2InstanceMetadata\n", "", "instance, r2, r1"},
	"another source": {"role_arn = r1\ncredential_source = Cloud\n", "", `profile "p" has credential_source = Cloud, which is not Environment, EcsContainer or Ec2InstanceMetadata`},

	"quotes in a command line":         {`credential_process = "/opt/my tool" --x "a # b" # c` + "\n", "", `process "/opt/my tool" --x "a # b" # c`},
	"quoted source":                    {"role_arn = r1\nsource_profile = my prod\n[profile 'my prod']\n" + keys, "", "keys AKIA s, r1"},
	"source with a hash":               {"role_arn = r1\nsource_profile = my #1\n[profile 'my #1']\n" + keys, "", "keys AKIA s, r1"},
	"source in the other file":         {"role_arn = r1\nsource_profile = my #1\n", "[my #1]\n" + keys, "keys AKIA s, r1"},
	"session in the other file":        {"region = r\n[sso-session 'Corp #2']\nsso_start_url = u\nsso_region = r\n", "[p]\nsso_session = Corp #2\nsso_account_id = 111111111111\nsso_role_name = R\n", "sso Corp #2/111111111111/R"},
	"source with quotes":               {"role_arn = r1\nsource_profile = 'q'\n[profile q]\n" + keys, "", "keys AKIA s, r1"},
	"session with a hash":              {"sso_session = Corp #2\nsso_account_id = 111111111111\nsso_role_name = R\n[sso-session 'Corp #2']\nsso_start_url = u\nsso_region = r\n", "", "sso Corp #2/111111111111/R"},
	"an SSO profile without most keys": {"sso_account_id = 111111111111\n", "", `SSO profile "p" lacks sso_start_url, sso_region, sso_role_name`},
	"stray quote elsewhere":            {keys + "[profile x]\nfoo = \"\n", "", "keys AKIA s"},
}

// The expected results are from `aws configure export-credentials --profile p` in AWS CLI
// 2.36 with the same files, unless a comment says otherwise.
func TestOrigin(t *testing.T) {
	for name, c := range originCases {
		t.Run(name, func(t *testing.T) {
			config := corp + "[profile p]\n" + c.profile
			if c.profile == "" {
				config = corp
			}
			o, err := load(t, config, c.credentials).Origin("p")
			got := o.text()
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	if o, err := load(t, "", "").Origin("nobody"); err != nil || o.Kind != NoOrigin {
		t.Errorf("a profile that does not exist: %+v, %v", o, err)
	}
}

func TestOriginOfRoleHasAllItsKeys(t *testing.T) {
	c := load(t, "[profile p]\nrole_arn = arn\nsource_profile = q\nexternal_id = e\nrole_session_name = n\nmfa_serial = m\nduration_seconds = 3600\n"+
		"[profile q]\naws_access_key_id = a\naws_secret_access_key = s\naws_session_token = t\n", "")
	o, err := c.Origin("p")
	if err != nil {
		t.Fatal(err)
	}
	// botocore's order of the two names, if a tool writes both.
	both, err := load(t, "", "[q]\n"+keys+"aws_session_token = t\naws_security_token = u\n").Origin("q")
	if err != nil || both.Keys.SessionToken.Reveal() != "u" {
		t.Errorf("got %+v, %v", both, err)
	}
	if o.Profile != "q" || o.Keys.SessionToken.Reveal() != "t" {
		t.Errorf("got %+v", o)
	}
	got := fmt.Sprintf("%+v", o.Roles)
	for _, want := range []string{"Profile:p", "ARN:arn", "ExternalID:e", "SessionName:n", "MFASerial:m", "Duration:1h0m0s"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}
