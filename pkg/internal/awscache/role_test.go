package awscache

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// cliRoleFile is a cache file exactly as written by AWS CLI 2.36.
const cliRoleFile = `{"ProviderType": "sso", "Credentials": {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "SK/+", "SessionToken": "ST==", ` +
	`"Expiration": "2026-11-23T01:29:45Z", "AccountId": "444455556666"}}`

var roleExpiry = time.Date(2026, 11, 23, 1, 29, 45, 0, time.UTC)

func cliCredentials() Credentials {
	return Credentials{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: secret.New("SK/+"), SessionToken: secret.New("ST=="),
		Expiration: roleExpiry, Account: "444455556666",
	}
}

func diffRole(want, got Credentials) string {
	return cmp.Diff(want, got, cmp.Comparer(secret.Secret.Equal))
}

func roleFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	written := roleExpiry.Add(-24 * time.Hour) // earlier than the times in these tests
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRolePath(t *testing.T) {
	tests := []struct {
		name, want string
		key        RoleKey
	}{
		{"session", "6bdd23b33ae2c841dc0e095e9a8229279eb31c18", RoleKey{Account: "444455556666", Role: "Admin", Session: "my-sso"}},
		{"session hides the start URL", "6bdd23b33ae2c841dc0e095e9a8229279eb31c18", RoleKey{"444455556666", "Admin", "my-sso", "https://my-portal.awsapps.com/start"}},
		{"start URL", "025b8dba7a50d16c0e32679d80debfb2f9f344f7", RoleKey{Account: "444455556666", Role: "Admin", StartURL: "https://my-portal.awsapps.com/start"}},
		// Output of Python 3's json.dumps({...}, sort_keys=True, separators=(',', ':')).
		{"role beyond ASCII", "cd30e22df49832fecdb48febec2f0c6faf5b4ab2", RoleKey{Account: "444455556666", Role: "Rölle😀", Session: "a\"b\\c/d"}},
	}
	for _, tt := range tests {
		if got, want := must(RolePath("/h", tt.key)), filepath.Join("/h", ".aws", "cli", "cache", tt.want+".json"); got != want {
			t.Errorf("%s: got %s, want %s", tt.name, got, want)
		}
	}
	if got := filepath.Dir(must(RolePath("/h", RoleKey{Account: "../..", Role: "/etc/passwd", Session: "\x00"}))); got != filepath.Join("/h", ".aws", "cli", "cache") {
		t.Errorf("hostile names result in %s", got)
	}
}

func TestRoleFileMatchesAWSCLI(t *testing.T) {
	now := roleExpiry.Add(-time.Hour)
	got, ok := ReadRole(roleFile(t, cliRoleFile), wanted(now))
	if !ok {
		t.Fatal("miss")
	}
	if diff := diffRole(cliCredentials(), got); diff != "" {
		t.Error(diff)
	}
	path := must(RolePath(t.TempDir(), RoleKey{}))
	if err := WriteRole(path, got, nil); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cliRoleFile, string(data)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func wanted(now time.Time) WantedRole { return WantedRole{Account: "444455556666", Now: now} }

func TestReadRole(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(cliRoleFile, old, new, 1) }
	tests := []struct {
		name, content string
		left          time.Duration
		want          bool
	}{
		{"one hour left", cliRoleFile, time.Hour, true},
		{"15 minutes left", cliRoleFile, 15 * time.Minute, true},
		{"one second less", cliRoleFile, 15*time.Minute - time.Second, false},
		{"expired", cliRoleFile, -time.Second, false},
		{"13 hours left", cliRoleFile, 13 * time.Hour, true},
		{"longer than any role session lasts", cliRoleFile, 13*time.Hour + time.Second, false},
		{"older file without account", with(`, "AccountId": "444455556666"`, ""), time.Hour, true},
		{"another account", with("444455556666", "123456789012"), time.Hour, false},
		{"key id with a line end", with("ASIAEXAMPLE", `ASIA\r\nX`), time.Hour, false},
		{"secret with a blank", with("SK/+", "SK +"), time.Hour, false},
		{"session token that is not ASCII", with("ST==", "ST\u00a0"), time.Hour, false},
		{"older date", with("45Z", "45UTC"), time.Hour, true},
		{"date with offset", with("45Z", "45+00:00"), time.Hour, true},
		{"assume-role file", `{"Credentials": {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T", "Expiration": "2026-11-23T01:29:45Z"}}`, time.Hour, false},
		{"another provider", with(`"sso"`, `"login"`), time.Hour, false},
		{"provider that is a number", with(`"sso"`, `1`), time.Hour, false},
		{"no session token", with(`"ST=="`, `null`), time.Hour, false},
		{"empty key id", with(`"ASIAEXAMPLE"`, `""`), time.Hour, false},
		{"secret of another type", with(`"SK/+"`, `["SK"]`), time.Hour, false},
		{"no date", with("2026-11-23T01:29:45Z", "soon"), time.Hour, false},
		{"date in seconds", with(`"2026-11-23T01:29:45Z"`, "1764000000"), time.Hour, false},
		{"null credentials", `{"ProviderType": "sso", "Credentials": null}`, time.Hour, false},
		{"no credentials", `{"ProviderType": "sso"}`, time.Hour, false},
		{"null", "null", time.Hour, false},
		{"cut", cliRoleFile[:100], time.Hour, false},
		{"empty", "", time.Hour, false},
		{"larger than 1 MiB", cliRoleFile + strings.Repeat(" ", 1<<20), time.Hour, false},
	}
	for _, tt := range tests {
		if _, ok := ReadRole(roleFile(t, tt.content), wanted(roleExpiry.Add(-tt.left))); ok != tt.want {
			t.Errorf("%s: ok %v", tt.name, ok)
		}
	}
	if _, ok := ReadRole(t.TempDir(), wanted(roleExpiry)); ok {
		t.Error("a directory was read")
	}
	if _, ok := ReadRole(filepath.Join(t.TempDir(), "none"), wanted(roleExpiry)); ok {
		t.Error("a missing file was read")
	}
}

func TestWriteRoleRejectsIncompleteCredentials(t *testing.T) {
	for name, spoil := range map[string]func(*Credentials){
		"no key id":        func(c *Credentials) { c.AccessKeyID = "" },
		"no secret":        func(c *Credentials) { c.SecretAccessKey = secret.Secret{} },
		"no session token": func(c *Credentials) { c.SessionToken = secret.Secret{} },
		"no expiration":    func(c *Credentials) { c.Expiration = time.Time{} },
	} {
		c := cliCredentials()
		spoil(&c)
		path := filepath.Join(t.TempDir(), "f.json")
		if err := WriteRole(path, c, nil); !errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

// Role credentials from before a sign-in are not used. The AWS CLI does not delete them.
func TestReadRoleIgnoresEarlierSignIn(t *testing.T) {
	now := roleExpiry.Add(-time.Hour)
	hour := now.Add(-time.Hour)
	for what, c := range map[string]struct {
		written, signedIn time.Time
		want              bool
	}{
		"written later":                      {hour, hour.Add(-time.Millisecond), true},
		"written earlier":                    {hour, hour.Add(time.Millisecond), false},
		"in the same instant":                {hour, hour, false},
		"with the clock of a file server":    {now.Add(maxAhead), hour, true},
		"in the future: the clock was wrong": {now.Add(maxAhead + time.Second), hour, false},
		"both in the future":                 {now.Add(time.Hour), now.Add(time.Hour - time.Second), true},
	} {
		path := roleFile(t, cliRoleFile)
		if err := os.Chtimes(path, c.written, c.written); err != nil {
			t.Fatal(err)
		}
		w := wanted(now)
		w.SignedIn = c.signedIn
		if _, ok := ReadRole(path, w); ok != c.want {
			t.Errorf("%s: ok %v", what, ok)
		}
	}
}

// Credentials that are outdated when they are written do not replace the file.
func TestWriteRoleAfterNewSignIn(t *testing.T) {
	path := roleFile(t, cliRoleFile)
	c := cliCredentials()
	c.AccessKeyID = "ASIAOTHER"
	if err := WriteRole(path, c, func() bool { return false }); !errors.Is(err, safefile.ErrOutdated) {
		t.Error(err)
	}
	if got, ok := ReadRole(path, wanted(roleExpiry.Add(-time.Hour))); !ok || got.AccessKeyID != "ASIAEXAMPLE" {
		t.Errorf("%v %s", ok, got.AccessKeyID)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(names) > 0 {
		t.Errorf("leftover files: %v", names)
	}
}

func TestWriteRoleReplacesUntrustedFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows uses access control lists")
	}
	spoils := map[string]func(string) error{
		"group": func(p string) error { return os.Chmod(p, 0o660) },
		"all":   func(p string) error { return os.Chmod(p, 0o602) },
	}
	if os.Geteuid() == 0 {
		spoils["owner"] = func(p string) error { return os.Chown(p, 65534, 65534) }
	}
	for what, spoil := range spoils {
		path, w := roleFile(t, cliRoleFile), wanted(roleExpiry.Add(-time.Hour))
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		if _, ok := ReadRole(path, w); ok {
			t.Errorf("%s: accepted", what)
		}
		if err := WriteRole(path, cliCredentials(), nil); err != nil {
			t.Errorf("%s: error %v", what, err)
		}
		if data, err := safefile.ReadShared(path, maxFile); err != nil || string(data) != cliRoleFile {
			t.Errorf("%s: not replaced: %v", what, err)
		}
	}
	path := roleFile(t, cliRoleFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ok := ReadRole(path, wanted(roleExpiry.Add(-time.Hour))); !ok {
		t.Error("a file that others can only read was not used")
	}
}

func FuzzParseRole(f *testing.F) {
	f.Add([]byte(cliRoleFile))
	f.Add([]byte(`{"Credentials":{"Expiration":"2026-11-23T01:29:45.5UTC","AccessKeyId":"\u0041","SecretAccessKey":"s","SessionToken":"t"},"ProviderType":"sso"}`))
	f.Add([]byte(`{"ProviderType": "sso", "Credentials": null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseRole(data)
		if err != nil {
			return
		}
		again, err := parseRole(marshalRole(c))
		if err != nil {
			t.Fatalf("%s: error %v", marshalRole(c), err)
		}
		if diff := diffRole(c, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

// must returns a path that exists in every home directory.
