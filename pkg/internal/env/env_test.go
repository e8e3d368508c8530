package env

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestEveryVariableHasItsRow(t *testing.T) {
	seen := map[string]bool{}
	for i, row := range Table() {
		if row.Name == "" || row.Owner == "" || row.Expects == "" || row.Meaning == "" {
			t.Errorf("row %d is not complete: %+v", i, row)
		}
		if seen[row.Name] {
			t.Errorf("%s is a duplicate", row.Name)
		}
		seen[row.Name] = true
		if Var(i).Name() != row.Name {
			t.Errorf("row %d: Name() = %s", i, Var(i).Name())
		}
	}
}

func TestSnapshotDistinguishesEmptyFromUnset(t *testing.T) {
	s := FromList([]string{"CI=", "AWS_PROFILE=a", "AWS_PROFILE=b", "odd", "AWS_USE_FIPS_ENDPOINT=TRUE"})
	if v, ok := s.Lookup(CI); !ok || v != "" {
		t.Errorf("CI = %q, %v", v, ok)
	}
	if _, ok := s.Lookup(AWSRegion); ok {
		t.Error("AWS_REGION is not set")
	}
	if s.Get(AWSProfile) != "b" {
		t.Error("the last value must be used")
	}
	if !s.True(AWSUseFIPSEndpoint) || s.True(AWSUseDualStackEndpoint) {
		t.Error("True reads AWS's switches")
	}
	if (Set{}).Get(CI) != "" {
		t.Error("the zero snapshot is empty")
	}
}

func TestFromOSSeesProcessEnvironment(t *testing.T) {
	t.Setenv("ECR_SSO_LOGIN", "never")
	if FromOS().Get(SSOLogin) != "never" {
		t.Error("not the process environment")
	}
}

func TestDirectories(t *testing.T) {
	if GOOS != "linux" {
		t.Skip("the table has the rules of XDG")
	}
	h := t.TempDir()
	for name, c := range map[string]struct {
		env                 map[string]string
		home, config, cache string
	}{
		"home only": {map[string]string{"HOME": h}, h,
			h + "/.config/docker-credential-ecr-sso", h + "/.cache/docker-credential-ecr-sso"},
		"XDG directories": {map[string]string{"HOME": h, "XDG_CONFIG_HOME": "/c", "XDG_CACHE_HOME": "/k"}, h,
			"/c/docker-credential-ecr-sso", "/k/docker-credential-ecr-sso"},
		"relative XDG directories are ignored": {map[string]string{"HOME": h, "XDG_CONFIG_HOME": "c", "XDG_CACHE_HOME": "k"}, h,
			h + "/.config/docker-credential-ecr-sso", h + "/.cache/docker-credential-ecr-sso"},
		"our own cache directory is used unchanged": {map[string]string{"HOME": h, "ECR_SSO_CACHE_DIR": "/run/x"}, h,
			h + "/.config/docker-credential-ecr-sso", "/run/x"},
		"home that does not exist is ignored":   {map[string]string{"HOME": h + "/none"}, "", "", ""},
		"relative home is not a home directory": {map[string]string{"HOME": "h", "ECR_SSO_CACHE_DIR": "k"}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := FromMap(c.env)
			if s.HomeDir() != c.home || s.ConfigDir() != c.config || s.CacheDir() != c.cache {
				t.Errorf("got %q, %q, %q", s.HomeDir(), s.ConfigDir(), s.CacheDir())
			}
		})
	}
}

// The command that sets the home directory is for the system's shell.
func TestHomeVariable(t *testing.T) {
	for goos, want := range map[string]string{"linux": "HOME=/absolute/path", "darwin": "HOME=/absolute/path", "windows": `USERPROFILE=C:\absolute\path`} {
		if v, example := homeVariable(goos); v.Name()+"="+example != want {
			t.Errorf("%s: %s=%s", goos, v.Name(), example)
		}
	}
	if command := HomeCommand(); !strings.Contains(command, "absolute") {
		t.Error(command)
	}
}

// A path below an empty home would be in the working directory.
func TestAWSFilesNeedHome(t *testing.T) {
	if path, err := AWSFile("/h", "sso", "cache"); err != nil || path != filepath.Join("/h", ".aws", "sso", "cache") {
		t.Errorf("got %q, error %v", path, err)
	}
	if path, err := AWSFile("", "sso", "cache"); !errors.Is(err, ErrNoHome) || path != "" {
		t.Errorf("without a home: %q, %v", path, err)
	}
}

func TestNoHomeHasCause(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the variable has another name there")
	}
	h := t.TempDir()
	file := filepath.Join(h, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for home, why := range map[string]string{
		h + "/none": "does not exist", "relative": "is not an absolute path", ".": "is not an absolute path",
		file: "is not a directory", file + "/x": "cannot be read", "~": "is not an absolute path",
	} {
		got, err := FromMap(map[string]string{"HOME": home}).FindHome()
		none, ok := errors.AsType[*NoDirError](err)
		if !ok || got != "" || !errors.Is(err, ErrNoHome) {
			t.Errorf("HOME=%s: %q, %v", home, got, err)
			continue
		}
		if want := "HOME=" + home + " " + why; none.Cause != want || none.Command == "" {
			t.Errorf("%q; run: %q, want %q", none.Cause, none.Command, want)
		}
	}
}

func TestHomeWithoutVariableIsFromUserDatabase(t *testing.T) {
	t.Setenv("HOME", "")
	os.Unsetenv("HOME")
	if home := FromMap(nil).HomeDir(); home != "" && !filepath.IsAbs(home) {
		t.Errorf("home = %q", home)
	}
}

func TestFlaw(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "eu-west-1": "", "wJalrXUtnFEMI/K7MDENG+bPx=": "", "arn:aws:iam::123456789012:role/a_b.c@d": "",
		"eu-west-1\r": "ends with a line break", "key\n": "ends with a line break", "key\r\n": "ends with a line break", "\n": "ends with a line break",
		" key": "begins or ends with a blank", "key\t": "begins or ends with a blank", "key\u00a0": "begins or ends with a blank",
		`"key"`: "contains a quote", "'key'": "contains a quote", `key"`: "contains a quote",
		"a b": "contains a blank or another character that is not allowed", "a\nb": "contains a blank or another character that is not allowed",
		"\ufeffkey": "contains a blank or another character that is not allowed",
	} {
		s := FromMap(map[string]string{"AWS_ACCESS_KEY_ID": value})
		if got := s.Flaw(AWSAccessKeyID); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
