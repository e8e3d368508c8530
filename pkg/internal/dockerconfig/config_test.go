package dockerconfig_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return // no permission bits on this system
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", path, got, want)
	}
}

func hold(t *testing.T, lock string) (release func()) {
	t.Helper()
	held, err := safefile.Lock(t.Context(), lock)
	if err != nil {
		t.Fatal(err)
	}
	return held.Unlock
}

func TestLoad(t *testing.T) {
	path := file(t, `{
	"auths": {
		"full.io": {"auth": "dTpw"},
		"marker.io": {},
		"empty.io": {"auth": ""},
		"token.io": {"identitytoken": "x"},
		"null.io": null
	},
	"credHelpers": {"`+hostA+`": "ecr-sso", "gcr.io": "gcloud"},
	"credsStore": "desktop",
	"HttpHeaders": {"User-Agent": "Docker-Client/20.10.24 (linux)"}
}`)
	c, err := dockerconfig.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{hostA: "ecr-sso", "gcr.io": "gcloud"}, c.CredHelpers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"full.io", "token.io"}, c.AuthHosts); diff != "" {
		t.Error(diff)
	}
	if c.CredsStore != "desktop" || !c.Exists {
		t.Errorf("got %+v", c)
	}
}

func TestMissingFileIsEmpty(t *testing.T) {
	c, err := dockerconfig.Load(filepath.Join(t.TempDir(), "no", "config.json"))
	if err != nil || c.Exists || len(c.CredHelpers) != 0 {
		t.Errorf("got %+v, error %v", c, err)
	}
}

func TestReadErrorIsNotMissingFile(t *testing.T) {
	dir := t.TempDir() // a directory instead of a file
	if c, err := dockerconfig.Load(dir); err == nil || !strings.HasPrefix(err.Error(), dir) {
		t.Errorf("got %+v, error %v", c, err)
	}
}

func TestLoadNamesEncoding(t *testing.T) {
	for text, want := range map[string]string{
		"\xff\xfe{\x00}\x00": "is in UTF-16, not UTF-8",
		"{\x00}\x00":         "is in UTF-16, not UTF-8",
		"\xef\xbb\xbf{}":     "byte-order mark",
	} {
		path := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := dockerconfig.Load(path)
		if err == nil || !strings.Contains(err.Error(), want) || len(hint.Next(err)) != 1 {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestAuthConfigHosts(t *testing.T) {
	for value, want := range map[string][]string{
		"":         nil,
		"not JSON": nil,
		`{"auths": {"b.io": {"auth": "x"}, "a.io": {}}}`: {"a.io", "b.io"},
		`{"auths": null}`:     nil,
		`{"auths": ["a.io"]}`: nil,
	} {
		got := dockerconfig.AuthConfigHosts(env.FromMap(map[string]string{"DOCKER_AUTH_CONFIG": value}))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: got %s", value, diff)
		}
	}
}
