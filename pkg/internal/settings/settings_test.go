package settings

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func put(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	defaults := Settings{Aliases: map[string]string{}, Registries: map[string]string{}, Login: "auto", Cache: "file", OnError: "auto"}
	for name, c := range map[string]struct {
		text string
		want Settings
	}{
		"empty file is the defaults":       {"", defaults},
		"comments only":                    {"# nothing yet\n", defaults},
		"empty table":                      {"[registries]\n", defaults},
		"byte-order mark":                  {"\ufefflogin = \"never\"\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{}, Login: "never", Cache: "file", OnError: "auto"}},
		"CRLF":                             {"login = \"never\"\r\ncache = \"none\"\r\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{}, Login: "never", Cache: "none", OnError: "auto"}},
		"platform's keychain":              {"cache = \"keychain\"\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{}, Login: "auto", Cache: "keychain", OnError: "auto"}},
		"keychain by name":                 {"cache = \"keychain\"\nkeychain = \"pass\"\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{}, Login: "auto", Cache: "keychain", Keychain: "pass", OnError: "auto"}},
		"defaults said":                    {"login = \"auto\"\ncache = 'file'\n", defaults},
		"mappings, folded to lower case":   {"[registries]\n\"1*.DKR.ecr.*.amazonaws.com\" = \"my dev\"\n'ecr-public.aws.com' = 'x'\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{"1*.dkr.ecr.*.amazonaws.com": "my dev", "ecr-public.aws.com": "x"}, Login: "auto", Cache: "file", OnError: "auto"}},
		"dotted keys":                      {"registries.\"public.ecr.aws\" = \"x\"\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{"public.ecr.aws": "x"}, Login: "auto", Cache: "file", OnError: "auto"}},
		"inline table":                     {"registries = {\"public.ecr.aws\" = \"x\", 'ecr-public.aws.com' = 'y'}\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{"public.ecr.aws": "x", "ecr-public.aws.com": "y"}, Login: "auto", Cache: "file", OnError: "auto"}},
		"quoted header and its comment":    {"[ \"registries\" ] # ]\n\"public.ecr.aws\" = \"x\"\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{"public.ecr.aws": "x"}, Login: "auto", Cache: "file", OnError: "auto"}},
		"profile with quotes and brackets": {"[registries]\n\"public.ecr.aws\" = \"it's [\\\"x\\\"]\"\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{"public.ecr.aws": `it's ["x"]`}, Login: "auto", Cache: "file", OnError: "auto"}},
		"roles":                            {"roles = [\"Push\", 'ReadOnly*']\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{}, Roles: []string{"Push", "ReadOnly*"}, Login: "auto", Cache: "file", OnError: "auto"}},
		"roles in several lines":           {"roles = [ # best first\n  \"A\",\n  \"?B\", # x\n]\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{}, Roles: []string{"A", "?B"}, Login: "auto", Cache: "file", OnError: "auto"}},
		"fallback":                         {"fallback = \"desktop.exe\" # WSL\n", Settings{Aliases: map[string]string{}, Registries: map[string]string{}, Fallback: "desktop.exe", Login: "auto", Cache: "file", OnError: "auto"}},
		"aliases": {"[aliases]\n\"ECR.example.io\" = \"123456789012.dkr.ecr.us-east-1.amazonaws.com\"\n\"r.example:8443\" = 'public.ecr.aws'\n",
			Settings{Aliases: map[string]string{"ecr.example.io": "123456789012.dkr.ecr.us-east-1.amazonaws.com", "r.example:8443": "public.ecr.aws"}, Registries: map[string]string{}, Login: "auto", Cache: "file", OnError: "auto"}},
		"no roles": {"roles = []\n", defaults},
	} {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.text)
			got, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			c.want.Path = path
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, path := range []string{"", filepath.Join(t.TempDir(), "missing", "config.toml")} {
		got, err := Load(path)
		defaults.Path = path
		if diff := cmp.Diff(defaults, got); diff != "" || err != nil {
			t.Errorf("missing file %q: %v, %s", path, err, diff)
		}
	}
}

// refusedFiles are the test cases of TestLoadRefuses.
var refusedFiles = map[string]struct {
	text string
	line int
	says string
}{
	"unknown key":                       {"# c\n\nlogim = \"auto\"\n", 3, `unknown key "logim"`},
	"key in other letters":              {"Login = \"auto\"\n", 1, `unknown key "Login"`},
	"unknown table":                     {"[mirrors]\n", 1, `unknown key "mirrors"`},
	"array of tables":                   {"[[registries]]\n\"public.ecr.aws\" = \"x\"\n", 1, `unknown key "registries"`},
	"table below":                       {"[registries.sub]\n", 1, `unknown key "registries.sub"`},
	"host without quotes":               {"[registries]\npublic.ecr.aws = \"x\"\n", 2, `unknown key "registries.public.ecr.aws"`},
	"login after the mappings":          {"[registries]\nlogin = \"never\"\n", 2, `pattern "login" has only one label`},
	"another value for login":           {"cache = \"none\"\nlogin = \"sometimes\"\n", 2, `login = "sometimes", but it must be one of ["auto" "never"]`},
	"login as a boolean":                {"login = false\n", 1, `login must be one of ["auto" "never"]`},
	"another value for cache":           {"cache = \"keyring\"\n", 1, `cache = "keyring", but it must be one of ["file" "keychain" "none"]`},
	"keychain that is a path":           {"keychain = \"../../tmp/x\"\n", 1, "keychain must be the NAME"},
	"keychain in capitals":              {"keychain = \"Pass\"\n", 1, "keychain must be the NAME"},
	"keychain that is us":               {"keychain = \"ecr-sso\"\n", 1, "keychain must be the NAME"},
	"empty keychain":                    {"keychain = \"\"\n", 1, "keychain must be the NAME"},
	"keychain that is a list":           {"keychain = [\"pass\"]\n", 1, "keychain must be the NAME"},
	"alias with a star":                 {"[aliases]\n\"*.example.io\" = \"public.ecr.aws\"\n", 2, "one exact host name"},
	"alias with a path":                 {"[aliases]\n\"r.example/x\" = \"public.ecr.aws\"\n", 2, "has a path"},
	"alias with a user":                 {"[aliases]\n\"u@r.example\" = \"public.ecr.aws\"\n", 2, "is not a host name"},
	"alias with an odd port":            {"[aliases]\n\"r.example:x\" = \"public.ecr.aws\"\n", 2, "is not a host name"},
	"alias with a final dot":            {"[aliases]\n\"r.example.\" = \"public.ecr.aws\"\n", 2, "is not a host name"},
	"alias in Greek":                    {"[aliases]\n\"εcr.example\" = \"public.ecr.aws\"\n", 2, "is not a host name"},
	"registry as an alias":              {"[aliases]\n\"ecr-public.aws.com\" = \"public.ecr.aws\"\n", 2, "needs no alias"},
	"alias of a host that is not ECR's": {"[aliases]\n\"r.example\" = \"quay.io\"\n", 2, "not the host name of an ECR registry"},
	"alias of an alias":                 {"[aliases]\n\"r.example\" = \"public.ecr.aws\"\n\"s.example\" = \"r.example\"\n", 3, "not the host name of an ECR registry"},
	"alias twice":                       {"[aliases]\n\"r.example\" = \"public.ecr.aws\"\n\"R.example:443\" = \"public.ecr.aws\"\n", 3, "is defined twice"},
	"alias as a list":                   {"[aliases]\n\"r.example\" = [\"public.ecr.aws\"]\n", 2, "is not a quoted string"},
	"fallback that is a path":           {"fallback = \"/bin/x\"\n", 1, "fallback takes the NAME"},
	"fallback that is us":               {"fallback = \"ECR-SSO.exe\"\n", 1, "fallback takes the NAME"},
	"hidden fallback":                   {"fallback = \".x\"\n", 1, "fallback takes the NAME"},
	"fallback that is a list":           {"fallback = [\"pass\"]\n", 1, "fallback takes the NAME"},
	"registries as text":                {"registries = \"x\"\n", 1, "registries must be a table"},
	"bad pattern":                       {"[registries]\n\n\"https://public.ecr.aws\" = \"x\"\n", 3, `has a scheme`},
	"empty profile":                     {"[registries]\n\"public.ecr.aws\" = \"\"\n", 2, "is empty"},
	"profile written backwards":         {"[registries]\n\"public.ecr.aws\" = \"x\u202ey\"\n", 2, "invisible"},
	"profile with a newline":            {"[registries]\n\"public.ecr.aws\" = \"x\\ny\"\n", 2, "control character"},
	"profile that is a number":          {"[registries]\n\"public.ecr.aws\" = 1\n", 2, `the profile for "public.ecr.aws" is not a quoted string`},
	"same key twice":                    {"login = \"auto\"\nlogin = \"auto\"\n", 2, "login"},
	"same pattern twice":                {"[registries]\n\"public.ecr.aws\" = \"x\"\n\"PUBLIC.ecr.aws\" = \"y\"\n", 3, `"public.ecr.aws" is mapped twice`},
	"bad pattern in braces":             {"registries = {\"a\" = \"x\"}\n", 1, `pattern "a"`},
	"dotted key in braces":              {"registries = {public.ecr.aws = \"x\"}\n", 1, `unknown key "registries.public.ecr.aws"`},
	"roles as text":                     {"roles = \"Push\"\n", 1, "roles is a list"},
	"role that is a number":             {"roles = [\"Push\", 1]\n", 1, "roles is a list"},
	"empty role":                        {"\nroles = [\"\"]\n", 2, "is empty"},
	"role with a blank":                 {"roles = [\"Read Only\"]\n", 1, "has a character that role names cannot contain"},
	"role with an escape":               {"roles = [\"a\\u001b[2J\"]\n", 1, "has a character that role names cannot contain"},
	"role that is an ARN":               {"roles = [\"arn:aws:iam::123456789012:role/Push\"]\n", 1, "has a character that role names cannot contain"},
	"role twice":                        {"roles = [\"A\", \"B\", \"A\"]\n", 1, "is listed twice"},
	"long role":                         {"roles = [\"" + strings.Repeat("a", 65) + "\"]\n", 1, "is longer than a role name"},
	"roles twice":                       {"roles = []\nroles = []\n", 2, "roles"},
	"roles after the mappings":          {"[registries]\nroles = [\"A\"]\n", 2, `pattern "roles" has only one label`},
	"not TOML: a value is missing":      {"login = \n", 1, ""},
	"not TOML: INI":                     {"[registries]\na.b = x\n", 2, ""},
	"not TOML: an open quote":           {"\nlogin = \"auto\n", 2, ""},
	"not TOML: invalid UTF-8":           {"login = \"\xff\"\n", 1, ""},
	"not TOML: a NUL":                   {"login = \"auto\"\n\x00", 2, ""},
	"not TOML: conflict markers":        {"login = \"auto\"\n<<<<<<< HEAD\n", 2, ""},
	"table twice":                       {"[registries]\n[aliases]\n[registries]\n", 3, "registries is defined twice"},
	"braces and then a table":           {"aliases = {}\n[aliases]\n", 2, "aliases is defined twice"},
	"braces and then dotted keys":       {"registries = {}\nregistries.\"public.ecr.aws\" = \"x\"\n", 2, "registries is defined twice"},
	"dotted keys and then braces":       {"registries.\"public.ecr.aws\" = \"x\"\nregistries = {}\n", 2, "registries is defined twice"},
	"fallback twice":                    {"fallback = \"pass\"\nfallback = \"pass\"\n", 2, "fallback is defined twice"},
	"first error is reported":           {"logim = \"auto\"\ncache = \n", 1, `unknown key "logim"`},
	"not TOML: an open list":            {"roles = [\"A\",\n", 1, ""},
	"not TOML: a bare key":              {"login\n", 1, ""},
	"not TOML: two keys in a line":      {"login = \"auto\" cache = \"file\"\n", 1, ""},
	"dotted keys and then a table":      {"registries.\"public.ecr.aws\" = \"x\"\n[registries]\n", 2, ""},
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range refusedFiles {
		t.Run(name, func(t *testing.T) {
			path := put(t, c.text)
			_, err := Load(path)
			bad, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("error = %v", err)
			}
			if bad.Line != c.line || bad.Path != path || !strings.Contains(err.Error(), c.says) {
				t.Errorf("line %d, want %d: %v", bad.Line, c.line, err)
			}
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("more than one line: %q", err)
			}
			if err := Map(path, "ecr-public.aws.com", "x"); err == nil {
				t.Error("Map must refuse what Load refuses")
			}
			if after, _ := os.ReadFile(path); string(after) != c.text {
				t.Error("the file was changed")
			}
		})
	}
}

func TestLoadRefusesOtherThanSmallFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory: %v", err)
	}
	path := put(t, strings.Repeat("#", maxSize+1))
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("too large: %v", err)
	}
}

func TestPath(t *testing.T) {
	if env.GOOS != "linux" {
		t.Skip("the rules of XDG")
	}
	const ours = "docker-credential-ecr-sso/config.toml"
	home := t.TempDir()
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"below the home directory":            {nil, home + "/.config/" + ours},
		"XDG_CONFIG_HOME":                     {map[string]string{"XDG_CONFIG_HOME": "/x"}, "/x/" + ours},
		"relative XDG_CONFIG_HOME is ignored": {map[string]string{"XDG_CONFIG_HOME": "x"}, home + "/.config/" + ours},
		"our own variable":                    {map[string]string{"ECR_SSO_CONFIG": "/y/c.toml", "XDG_CONFIG_HOME": "/x"}, "/y/c.toml"},
		"our own variable with a tilde":       {map[string]string{"ECR_SSO_CONFIG": "~/c.toml"}, home + "/c.toml"},
		"tilde without a home":                {map[string]string{"ECR_SSO_CONFIG": "~/c.toml", "HOME": "none"}, "~/c.toml"},
	} {
		t.Run(name, func(t *testing.T) {
			vars := map[string]string{"HOME": home}
			maps.Copy(vars, c.env)
			if got := Path(env.FromMap(vars)); got != c.want {
				t.Errorf("path = %q, want %q", got, c.want)
			}
		})
	}
}

func TestCheckedAppliesRulesOfFile(t *testing.T) {
	got, err := Settings{Aliases: map[string]string{}, Registries: map[string]string{"*.DKR.ecr.*.amazonaws.com": "dev"}}.Checked()
	want := Settings{Aliases: map[string]string{}, Registries: map[string]string{"*.dkr.ecr.*.amazonaws.com": "dev"}, Login: LoginAuto, Cache: CacheFile, OnError: OnErrorAuto}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := (Settings{Cache: CacheKeychain, Keychain: "pass"}).Checked(); err != nil || got.Keychain != "pass" || got.Cache != CacheKeychain {
		t.Errorf("a keychain: %+v, %v", got, err)
	}
	for name, s := range map[string]Settings{
		"pattern with a scheme":       {Registries: map[string]string{"https://public.ecr.aws": "dev"}},
		"profile without a name":      {Registries: map[string]string{"public.ecr.aws": ""}},
		"pattern twice, but for case": {Registries: map[string]string{"public.ecr.aws": "a", "PUBLIC.ecr.aws": "b"}},
		"unknown value of login":      {Login: "sometimes"},
		"unknown value of cache":      {Cache: "cloud"},
		"unknown value of on_error":   {OnError: "never"},
		"keychain that is a path":     {Keychain: "../x"},
		"profile with a line break":   {Registries: map[string]string{"public.ecr.aws": "a\nb"}},
	} {
		if _, err := s.Checked(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Load uses the TOML library's parser and its own check for duplicate definitions. For
// all files of up to three of these lines, the test compares the result with the
// library's decoder.
func TestAcceptedFilesAreTOML(t *testing.T) {
	lines := []string{
		"", "login = 'auto'", "cache = 'file'", "roles = []", "fallback = 'pass'", "login.x = 'auto'", "login = {}",
		"registries = {}", "registries = {'public.ecr.aws' = 'x'}", "registries.'public.ecr.aws' = 'x'", "registries.'ecr-public.aws.com' = 'x'",
		"[registries]", "[[registries]]", "[registries.x]", "'public.ecr.aws' = 'x'",
		"aliases = {}", "aliases.'r.example' = 'public.ecr.aws'", "[aliases]", "'r.example' = 'public.ecr.aws'", "x = [1_, {}]", "cache = 07",
	}
	accepted := 0
	for _, a := range lines {
		for _, b := range lines {
			for _, c := range lines {
				text := a + "\n" + b + "\n" + c + "\n"
				if _, err := parse("f", []byte(text)); err != nil {
					continue
				}
				accepted++
				var all map[string]any
				if err := toml.Unmarshal([]byte(text), &all); err != nil {
					t.Errorf("%q is accepted, but is not TOML: %v", text, err)
				}
			}
		}
	}
	if accepted < 500 {
		t.Errorf("only %d files are accepted", accepted)
	}
	t.Logf("%d files are accepted", accepted)
}
