package awsconfig

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSessionOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(`
[profile whole]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Push
[profile signs-in-only]
sso_session = corp
[profile legacy]
sso_start_url = https://old.awsapps.com/start#/
sso_region = eu-west-1
[profile nowhere]
sso_session = gone
[profile half]
sso_start_url = https://old.awsapps.com/start
[profile keys]
aws_access_key_id = x
[profile empty-session]
sso_session = empty
[sso-session empty]
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Paths{Config: path})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		session, url string
		ok           bool
		err          string
	}{
		"whole":         {"corp", "https://corp.awsapps.com/start", true, ""},
		"signs-in-only": {"corp", "https://corp.awsapps.com/start", true, ""},
		"legacy":        {"", "https://old.awsapps.com/start#/", true, ""},
		"nowhere":       {"", "", false, `profile "nowhere" names SSO session "gone", which is not configured`},
		"half":          {"", "https://old.awsapps.com/start", true, `SSO profile "half" lacks sso_region`},
		"empty-session": {"empty", "", true, `SSO profile "empty-session" lacks sso_start_url, sso_region`},
		"keys":          {},
		"not there":     {},
	} {
		s, ok, err := c.SessionOf(name)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if s.Name != want.session || s.StartURL != want.url || ok != want.ok || text != want.err {
			t.Errorf("%s: %+v, %v, %v", name, s, ok, err)
		}
	}
}

var old = Session{StartURL: "https://old.awsapps.com/start"}

// connectionProfileCases are the test cases of TestConnectionProfile.
var connectionProfileCases = []struct {
	session         Session
	preferred, want string
}{
	{Session{Name: "corp"}, "", "bundle"},
	{Session{Name: "corp"}, "plain", "plain"},
	{Session{Name: "corp"}, "old", "bundle"},
	{Session{Name: "labs"}, "", "assumed"},
	{Session{Name: "labs"}, "no such profile", "assumed"},
	{Session{Name: "unused"}, "plain", ""},
	{old, "", "old"},
}

func TestConnectionProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(`
[profile plain]
sso_session = corp
[profile bundle]
sso_session = corp
ca_bundle = ~/ca.pem
[profile fips]
sso_session = corp
use_fips_endpoint = true
[profile old]
sso_start_url = https://old.awsapps.com/start
sso_region = us-east-1
[profile assumed]
role_arn = arn:aws:iam::123456789012:role/Push
source_profile = middle
endpoint_url = http://127.0.0.1:1
[profile middle]
role_arn = arn:aws:iam::123456789012:role/Pull
source_profile = last
[profile last]
sso_session = labs
[profile loop]
role_arn = arn:aws:iam::123456789012:role/Push
source_profile = loop
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
[sso-session labs]
sso_start_url = https://labs.awsapps.com/start
sso_region = us-east-1
[sso-session unused]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Paths{Config: path})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range connectionProfileCases {
		if got := c.ConnectionProfile(tc.session, tc.preferred); got != tc.want {
			t.Errorf("%v, %q: %q, want %q", tc.session, tc.preferred, got, tc.want)
		}
	}
	for name, want := range map[string]string{"assumed": "last", "last": "last", "loop": "loop", "none": "none"} {
		if got := c.SignInProfile(name); got != want {
			t.Errorf("SignInProfile(%q) = %q, want %q", name, got, want)
		}
	}
}
