package awsconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// load writes both files and loads them.
func load(t *testing.T, config, credentials string) *Config {
	t.Helper()
	dir := t.TempDir()
	paths := Paths{Config: filepath.Join(dir, "config"), Credentials: filepath.Join(dir, "credentials")}
	for path, text := range map[string]string{paths.Config: config, paths.Credentials: credentials} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// names returns the names of the profiles in order.
func names(c *Config) []string {
	var names []string
	for _, p := range c.Profiles {
		names = append(names, p.Name)
	}
	return names
}

// dialectCases are the test cases of TestLoadReadsBothDialects.
var dialectCases = []struct{ name, before, newline string }{
	{"with Unix newlines", "", "\n"},
	{"with CRLF", "", "\r\n"},
	{"with a byte-order mark", "\ufeff", "\n"},
}

func TestLoadReadsBothDialects(t *testing.T) {
	for _, form := range dialectCases {
		t.Run(form.name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/dialects.ini")
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(string(data), "\r\n", "\n")
			c := load(t, form.before+strings.ReplaceAll(text, "\n", form.newline), "")

			want := []string{"default", "my dev", "your dev", "plain words", "spaced", "legacy"}
			if diff := cmp.Diff(want, names(c)); diff != "" {
				t.Errorf("profiles (-want +got):\n%s", diff)
			}
			wantSession := []*Session{{
				Name: "corp", Region: "us-east-1", StartURL: "https://my-portal.awsapps.com/start",
				Scopes: []string{"sso:account:access", "codecatalyst:read_write"},
			}}
			if diff := cmp.Diff(wantSession, c.Sessions); diff != "" {
				t.Errorf("sessions (-want +got):\n%s", diff)
			}
			wantServices := []*Services{{Name: "local", Services: map[string]map[string]string{
				"ecr": {"endpoint_url": "http://127.0.0.1:4566"},
				"sso": {"endpoint_url": "http://127.0.0.1:4567"},
			}}}
			if diff := cmp.Diff(wantServices, c.Services); diff != "" {
				t.Errorf("services (-want +got):\n%s", diff)
			}
			for _, want := range []SSO{
				{Profile: "my dev", Account: "111111111111", Role: "Admin", Session: "corp"},
				{Profile: "your dev", Account: "222222222222", Role: "Admin", Session: "corp"},
				{Profile: "plain words", Account: "012345678901", Role: "Admin#1", Session: "corp"},
				{Profile: "spaced", Account: "333333333333", Role: "Admin", Session: "corp"},
				{Profile: "legacy", Account: "444444444444", Role: "Admin", Region: "us-east-2",
					StartURL: "https://my-portal.awsapps.com/start#/"},
			} {
				want.SSORegion = "us-east-1"
				if want.StartURL == "" {
					want.StartURL = "https://my-portal.awsapps.com/start"
				}
				got, ok, err := c.SSO(want.Profile)
				if !ok || err != nil {
					t.Errorf("%s: ok = %v, %v", want.Profile, ok, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", want.Profile, diff)
				}
			}
			p, _ := c.Profile("legacy")
			if got := p.Nested()["s3"]["sso_role_name"]; got != "NotMine" {
				t.Errorf("the nested block has %q", got)
			}
			for _, p := range c.Profiles {
				if a := p.Keys().Get("sso_account_id"); a == "555555555555" || a == "666666666666" {
					t.Errorf("profile %q has a key of another section", p.Name)
				}
			}
		})
	}
}

func TestDuplicateSectionsAreMerged(t *testing.T) {
	c := load(t, "[profile a]\nregion = r1\noutput = json\n[profile b]\n[profile 'a']\nregion = r2\n"+
		"[default]\nregion = d1\n[profile default]\nregion = d2\n", "")
	if diff := cmp.Diff([]string{"a", "b", "default"}, names(c)); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"region": "r2", "output": "json"}
	if diff := cmp.Diff(want, c.Profiles[0].Keys().Map()); diff != "" {
		t.Error(diff)
	}
	if c.Profiles[2].Keys().Get("region") != "d2" {
		t.Errorf("default: %v", c.Profiles[2].Keys())
	}
}

func TestInAccount(t *testing.T) {
	const id = "111122223333"
	c := load(t, "[profile key]\nSSO_ACCOUNT_ID: '"+id+"'\n[profile other]\noutput = "+id+"\n[profile late]\nregion = x\n"+
		"[profile below]\nsso_account_id = 1\n[profile late]\nsso_account_id = "+id+" # mine\n[profile over]\nsso_account_id = "+id+"\n",
		"[below]\nsso_account_id = "+id+"\n[over]\nsso_account_id = 2\n")
	var in []string
	for _, p := range c.Profiles {
		if p.inAccount(id) {
			in = append(in, p.Name)
		}
	}
	if diff := cmp.Diff([]string{"key", "late", "below"}, in); diff != "" {
		t.Error(diff)
	}
}

func TestCredentialsFile(t *testing.T) {
	c := load(t, "[profile a]\nregion = r\naws_access_key_id = config\n[profile my dev]\n",
		"[only]\naws_access_key_id = AKIAONLY\n[a]\naws_access_key_id = AKIAA\n"+
			"[profile a]\nregion = dropped\n[sso-session s]\n[my dev]\nregion = x\n[cut\nregion = y\n[ ]\n")
	if diff := cmp.Diff([]string{"a", "my dev", "only"}, names(c)); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"region": "r", "aws_access_key_id": "AKIAA"}
	if diff := cmp.Diff(want, c.Profiles[0].Keys().Map()); diff != "" {
		t.Error(diff)
	}
	if c.Profiles[1].Keys().Get("region") != "x" {
		t.Error("the section of the credentials file was not merged")
	}
}

func TestLoadFiles(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path string
		bad  bool
	}{
		"missing file is empty":           {filepath.Join(dir, "missing"), false},
		"missing directory is empty":      {filepath.Join(dir, "no", "missing"), false},
		"no path is empty":                {"", false},
		"null device is empty":            {os.DevNull, false},
		"directory is an error":           {dir, true},
		"file of over 10 MiB is an error": {big, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, paths := range []Paths{{Config: c.path}, {Credentials: c.path}} {
				got, err := Load(paths)
				if (err != nil) != c.bad {
					t.Fatalf("error = %v", err)
				}
				if err != nil && strings.Count(err.Error(), c.path) != 1 {
					t.Errorf("the error must name the file once: %v", err)
				}
				if err == nil && (len(got.Profiles) != 0 || got.Paths != paths) {
					t.Errorf("got %+v", got)
				}
			}
		})
	}
}

func TestLoadUnreadable(t *testing.T) {
	if os.Geteuid() <= 0 { // -1 on Windows, which has no such mode
		t.Skip("root reads everything")
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Paths{Config: path}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error = %v", err)
	}
}

func TestDefaultPaths(t *testing.T) {
	home := filepath.Join(string(filepath.Separator), "home", "a")
	me, err := user.Current()
	if err != nil || strings.Contains(me.Username, `\`) {
		t.Skip("no name of this user that a path can have") // Windows: DOMAIN\name
	}
	for name, c := range map[string]struct {
		config, home, want string
	}{
		"nothing set":               {"", home, filepath.Join(home, ".aws", "config")},
		"set":                       {"/x/config", home, "/x/config"},
		"relative, the user's wish": {"x", home, "x"},
		"literal tilde":             {"~/x", home, filepath.Join(home, "x")},
		"literal $HOME":             {"$HOME/x", home, filepath.Join(home, "x")},
		"literal ${HOME}":           {"${HOME}/x", home, filepath.Join(home, "x")},
		"user that does not exist":  {"~nobody-of-this-name/x", home, "~nobody-of-this-name/x"},
		"user's home":               {"~" + me.Username + "/x", home, filepath.Join(me.HomeDir, "x")},
		"user's home itself":        {"~" + me.Username, home, me.HomeDir},
		"user, and no home of ours": {"~" + me.Username + "/x", "", filepath.Join(me.HomeDir, "x")},
		"user from a variable":      {"~$USERNAME_HERE/x", home, filepath.Join(me.HomeDir, "x")},
		"tilde inside":              {"/a/~" + me.Username, home, "/a/~" + me.Username},
		"any variable":              {"$CONF/${NAME}.ini", home, "/etc/aws/team.ini"},
		"one that contains a tilde": {"$TILDE/x", home, filepath.Join(home, "x")},
		"variable that is not set":  {"$HOMER/x", home, "$HOMER/x"},
		"dollar sign alone":         {"/a$/b$$", home, "/a$/b$$"},
		"no home, nothing set":      {"", "", ""},
		"no home, a tilde":          {"~/x", "", "~/x"},
	} {
		t.Run(name, func(t *testing.T) {
			got := DefaultPaths(env.FromMap(map[string]string{
				"AWS_CONFIG_FILE": c.config, "HOME": c.home, "CONF": "/etc/aws", "NAME": "team", "TILDE": "~", "USERNAME_HERE": me.Username,
			}), c.home)
			if filepath.ToSlash(got.Config) != filepath.ToSlash(c.want) {
				t.Errorf("config = %q, want %q", got.Config, c.want)
			}
		})
	}
	e := env.FromMap(map[string]string{"AWS_SHARED_CREDENTIALS_FILE": "~/c"})
	if got, want := DefaultPaths(e, home).Credentials, filepath.Join(home, "c"); got != want {
		t.Errorf("credentials = %q, want %q", got, want)
	}
}

// BenchmarkLoad loads 2,000 SSO profiles, about 260 KB, and finds one by its account.
func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	text.WriteString("[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n")
	for i := range 2000 {
		fmt.Fprintf(&text, "[profile Administrator-%012d]\nsso_session = corp\nsso_account_id = %012d\n"+
			"sso_role_name = Admin\nregion = eu-west-1\noutput = json\n", i, i)
	}
	path := filepath.Join(b.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		c, err := Load(Paths{Config: path})
		if err != nil {
			b.Fatal(err)
		}
		if found, broken := c.ForAccount("000000001000"); len(found) != 1 || broken != nil {
			b.Fatal(found, broken)
		}
	}
}
