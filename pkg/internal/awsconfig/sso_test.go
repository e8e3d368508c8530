package awsconfig

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const corp = "[sso-session corp]\nsso_start_url = https://c.awsapps.com/start\nsso_region = us-east-1\n"

func TestKindOfProfile(t *testing.T) {
	const sso = "sso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Admin\n"
	const keys = "aws_access_key_id = AKIA\naws_secret_access_key = s\n"
	for name, c := range map[string]struct {
		profile     string // keys of [profile p]
		credentials string // keys of [p] in the credentials file
		ok          bool
	}{
		"session, account and role": {sso, "", true},
		"legacy layout":             {"sso_start_url = https://l\nsso_region = r\nsso_account_id = 000000000001\nsso_role_name = R\n", "", true},
		"no SSO at all":             {"region = r\n", "", false},
		"static keys in the credentials file do not hide":    {sso, keys, true},
		"static keys beside it do not hide":                  {sso + keys, "", true},
		"credential_process comes after SSO":                 {sso + "credential_process = /bin/x\n", "", true},
		"role over another profile":                          {sso + "role_arn = arn\nsource_profile = q\n", "", false},
		"role over itself":                                   {sso + "role_arn = arn\n", "", false},
		"role in the credentials file":                       {sso, "role_arn = arn\nsource_profile = q\n", false},
		"source_profile without a role is ignored":           {sso + "source_profile = q\n", "", true},
		"empty role is ignored":                              {sso + "role_arn =\n", "", true},
		"web identity comes before SSO":                      {sso + "web_identity_token_file = /x\n", "", false},
		"web identity with a role":                           {sso + "web_identity_token_file = /x\nrole_arn = arn\n", "", false},
		"session for bearer tokens beside static keys":       {"sso_session = corp\n", keys, false},
		"repeated session values are not a conflict":         {sso + "sso_region = us-east-1\nsso_start_url = https://c.awsapps.com/start\n", "", true},
		"SSO keys in the credentials file count":             {"region = r\n", sso, true},
		"session alone is a bearer-token source":             {"sso_session = corp\n", "", false},
		"start URL alone too":                                {"sso_start_url = https://l\nsso_region = r\n", "", false},
		"session for bearer tokens beside a process":         {"sso_session = corp\ncredential_process = /bin/x\n", "", false},
		"session without a section beside a process":         {"sso_session = gone\ncredential_process = /bin/x\n", "", false},
		"sso_region alone is not an SSO profile":             {"sso_region = us-east-1\n" + keys, "", false},
		"keys that other tools leave are not an SSO profile": {"granted_sso_account_id = 1\nsso_auto_populated = true\ncredential_process = granted\n", "", false},
		"login_session is another kind":                      {"login_session = arn:aws:iam::1:user/a\n", "", false},
		"values in capitals and quotes":                      {"SSO_SESSION = \"corp\"\nSSO_ACCOUNT_ID = '012345678901'\nSSO_ROLE_NAME = Admin # c\n", "", true},
		"no key at all":                                      {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, corp+"[profile p]\n"+c.profile, "[p]\n"+c.credentials)
			s, ok, err := cfg.SSO("p")
			if err != nil || ok != c.ok {
				t.Fatalf("ok = %v, %v; want %v", ok, err, c.ok)
			}
			if ok != (s.Profile == "p") {
				t.Errorf("got %+v", s)
			}
		})
	}
	if _, ok, err := load(t, "", "").SSO("nobody"); ok || err != nil {
		t.Error("a missing profile is not an SSO profile, and not an error")
	}
}

func TestBrokenProfiles(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		want   error
		text   string
	}{
		"session without a section": {
			"[profile p]\nsso_session = gone\nsso_account_id = 1\nsso_role_name = R\n",
			&SessionMissingError{Profile: "p", Session: "gone"},
			`profile "p" names SSO session "gone", which is not configured`,
		},
		"role missing": {
			corp + "[profile p]\nsso_session = corp\nsso_account_id = 1\nsso_role_name =\n",
			&IncompleteError{Profile: "p", Missing: []string{"sso_role_name"}},
			`SSO profile "p" lacks sso_role_name`,
		},
		"account and role alone": {
			"[profile p]\nsso_account_id = 1\nsso_role_name = R\n",
			&IncompleteError{Profile: "p", Missing: []string{"sso_start_url", "sso_region"}},
			`SSO profile "p" lacks sso_start_url, sso_region`,
		},
		"session without a region": {
			"[sso-session corp]\nsso_start_url = https://c\n[profile p]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = R\n",
			&IncompleteError{Profile: "p", Missing: []string{"sso_region"}},
			`SSO profile "p" lacks sso_region`,
		},
		"another region than the session's": {
			corp + "[profile p]\nsso_session = corp\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = R\n",
			&ConflictError{Profile: "p", Session: "corp", Key: "sso_region"},
			`profile "p" and its SSO session "corp" set different values for sso_region`,
		},
		"start URL that differs from the session's, even by a slash": {
			corp + "[profile p]\nsso_session = corp\nsso_start_url = https://c.awsapps.com/start/\nsso_account_id = 1\nsso_role_name = R\n",
			&ConflictError{Profile: "p", Session: "corp", Key: "sso_start_url"},
			`profile "p" and its SSO session "corp" set different values for sso_start_url`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, ok, err := load(t, c.config, "").SSO("p")
			if ok || err == nil {
				t.Fatalf("ok = %v, %v", ok, err)
			}
			if diff := cmp.Diff(c.want, err); diff != "" {
				t.Error(diff)
			}
			if err.Error() != c.text {
				t.Errorf("text = %s", err)
			}
		})
	}
}

func TestProfileCompletesItsSession(t *testing.T) {
	c := load(t, "[sso-session corp]\nsso_start_url = https://c\n"+
		"[profile p]\nsso_session = corp\nsso_region = R\nsso_account_id = 000000000001\nsso_role_name = R\n", "")
	s, ok, err := c.SSO("p")
	if !ok || err != nil || s.SSORegion != "r" || s.StartURL != "https://c" {
		t.Errorf("got %+v, ok %v, error %v", s, ok, err)
	}
}

func TestAccountIDIsTwelveDigits(t *testing.T) {
	for value, meant := range map[string]string{
		"1234-5678-9012": "123456789012", "1234 5678 9012": "123456789012", "123.456.789.012": "123456789012",
		"12345678901": "", "1234567890123": "", "arn:aws:iam::123456789012:root": "", "１２３４５６７８９０１２": "",
	} {
		_, ok, err := load(t, corp+"[profile p]\nsso_session = corp\nsso_account_id = "+value+"\nsso_role_name = R\n", "").SSO("p")
		e, wrong := errors.AsType[*AccountError](err)
		if ok || !wrong || e.Meant() != meant {
			t.Errorf("%q: error %v, got %+v", value, err, e)
		}
	}
}

func TestRegionsInCapitals(t *testing.T) {
	c := load(t, "[sso-session corp]\nsso_start_url = https://c\nsso_region = US-EAST-1\n"+
		"[profile p]\nsso_session = corp\nsso_region = us-east-1\nsso_account_id = 111111111111\nsso_role_name = R\nregion = EU-West-1\n"+
		"[profile old]\nsso_start_url = https://c\nsso_region = US-EAST-1\nsso_account_id = 111111111111\nsso_role_name = R\n", "")
	for _, name := range []string{"p", "old"} {
		s, ok, err := c.SSO(name)
		if !ok || err != nil || s.SSORegion != "us-east-1" {
			t.Errorf("got %+v, ok %v, error %v", s, ok, err)
		}
		if s, ok, err := c.SessionOf(name); !ok || err != nil || s.Region != "us-east-1" {
			t.Errorf("got %+v, ok %v, error %v", s, ok, err)
		}
	}
	if s, _, _ := c.SSO("p"); s.Region != "eu-west-1" {
		t.Error(s.Region)
	}
}

func TestCacheKey(t *testing.T) {
	if got := (SSO{Session: "corp", StartURL: "https://c"}).CacheKey(); got != "corp" {
		t.Errorf("with a session: %q", got)
	}
	if got := (SSO{StartURL: "https://c/#/"}).CacheKey(); got != "https://c/#/" {
		t.Errorf("legacy: %q", got)
	}
}

func TestForAccount(t *testing.T) {
	c := load(t, corp+`
[profile b]
sso_session = corp
sso_account_id = 012345678901
sso_role_name = R
[profile broken]
sso_session = corp
sso_account_id = 012345678901
[profile chained]
sso_session = corp
sso_account_id = 012345678901
sso_role_name = R
role_arn = arn:aws:iam::1:role/x
source_profile = b
[profile other]
sso_session = corp
sso_account_id = 12345678901
sso_role_name = R
[profile a]
sso_session = corp
sso_account_id = 012345678901
sso_role_name = R2
[profile process]
credential_process = /bin/false
aws_account_id = 012345678901
`, "")
	var got []string
	found, broken := c.ForAccount("012345678901")
	for _, s := range found {
		got = append(got, s.Profile)
	}
	for _, err := range broken {
		got = append(got, err.Error())
	}
	if diff := cmp.Diff([]string{"b", "a", `SSO profile "broken" lacks sso_role_name`}, got); diff != "" {
		t.Error(diff)
	}
	for _, account := range []string{"", "999999999999"} {
		if found, broken := c.ForAccount(account); found != nil || broken != nil {
			t.Errorf("account %q has %v, %v", account, found, broken)
		}
	}
	if found, broken := c.SSOProfiles(); len(found) != 2 || len(broken) != 2 {
		t.Errorf("of all accounts: %v, %v", found, broken)
	}
}

func TestErrorTexts(t *testing.T) {
	_, _, err := load(t, "[profile p]\nsso_session = x\nsso_account_id = 1\n", "").SSO("p")
	if missing, ok := errors.AsType[*SessionMissingError](err); !ok || missing.Session != "x" {
		t.Errorf("error = %v", err)
	}
}

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
			t.Errorf("%s: got %+v, ok %v, error %v", name, s, ok, err)
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
