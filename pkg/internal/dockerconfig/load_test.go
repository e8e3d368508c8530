package dockerconfig_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return // no permission bits there
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
		t.Errorf("%+v", c)
	}
}

func TestLoadTakesAMissingFileForAnEmptyOne(t *testing.T) {
	c, err := dockerconfig.Load(filepath.Join(t.TempDir(), "no", "config.json"))
	if err != nil || c.Exists || len(c.CredHelpers) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLoadDoesNotTakeAReadErrorForNoFile(t *testing.T) {
	dir := t.TempDir() // a directory where a file should be
	if c, err := dockerconfig.Load(dir); err == nil || !strings.HasPrefix(err.Error(), dir) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestDiffShowsCredHelpersOnly(t *testing.T) {
	path := file(t, `{"auths":{"x.io":{"auth":"c2VjcmV0"}},"credHelpers":{"gcr.io":"gcloud"}}`)
	c, err := dockerconfig.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Plan(ask(hostA))
	if err != nil {
		t.Fatal(err)
	}
	want := "--- " + path + "\n+++ " + path + "\n" +
		`-"credHelpers":{"gcr.io":"gcloud"}` + "\n" +
		`+"credHelpers":{"gcr.io":"gcloud","` + hostA + `":"ecr-sso"}` + "\n"
	if diff := cmp.Diff(want, p.Diff()); diff != "" {
		t.Error(diff)
	}
	if text(t, path) != string(p.Old) {
		t.Error("a plan wrote")
	}

	lines := file(t, "{\n\t\"auths\": {\"x.io\": {\"auth\": \"c2VjcmV0\"}},\n\t\"credHelpers\": {\n\t\t\"gcr.io\": \"gcloud\"\n\t}\n}\n")
	c, err = dockerconfig.Load(lines)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = c.Plan(ask(hostA)); err != nil {
		t.Fatal(err)
	}
	want = "--- " + lines + "\n+++ " + lines + "\n" +
		" \t\"credHelpers\": {\n-\t\t\"gcr.io\": \"gcloud\"\n+\t\t\"gcr.io\": \"gcloud\",\n+\t\t\"" + hostA + "\": \"ecr-sso\"\n \t}\n"
	if diff := cmp.Diff(want, p.Diff()); diff != "" {
		t.Error(diff)
	}
}
