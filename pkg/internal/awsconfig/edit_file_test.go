package awsconfig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/google/go-cmp/cmp"
)

func TestEditMakesFileAndDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".aws", "config")
	changed, err := Edit(path, wizard...)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	checkFile(t, path, wizardText)
	if os.PathSeparator == '/' {
		checkMode(t, path, 0o600)
		checkMode(t, filepath.Dir(path), 0o700|os.ModeDir)
	}
	before, _ := os.Stat(path)
	if changed, err = Edit(path, wizard...); err != nil || changed {
		t.Errorf("a second time: %v, %v", changed, err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("a second run replaced the file")
	}
	config, err := Load(Paths{Config: path})
	if err != nil {
		t.Fatal(err)
	}
	want := SSO{"Admin-444455556666", "my-sso", "https://my-portal.awsapps.com/start#/", "us-east-1", "444455556666", "Admin", "eu-west-1"}
	if got, ok, err := config.SSO("Admin-444455556666"); !ok || err != nil || got != want {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
}

func TestEditKeepsLinkAndMode(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("links and modes")
	}
	dir := t.TempDir()
	real, link := filepath.Join(dir, "dotfiles"), filepath.Join(dir, "config")
	writeFile(t, real, "# mine\n")
	if err := os.Chmod(real, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("dotfiles", link); err != nil {
		t.Fatal(err)
	}
	if _, err := Edit(link, wizard...); err != nil {
		t.Fatal(err)
	}
	checkFile(t, real, "# mine\n"+wizardText)
	checkMode(t, real, 0o640)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}

func TestRefusedEditChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	writeFile(t, path, "[profile dev\n")
	changed, err := Edit(path, wizard...)
	want := path + " line 1: the section header is not closed, so the AWS CLI cannot read the file; run: " + hint.EditCommand(path, "", 1)
	if changed || err == nil || err.Error() != want {
		t.Errorf("got %v, %v", changed, err)
	}
	checkFile(t, path, "[profile dev\n")
	for _, bad := range []string{"", t.TempDir(), os.DevNull} {
		if changed, err := Edit(bad, wizard...); err == nil || changed {
			t.Errorf("%q was edited", bad)
		}
	}
}

func TestEditKeepsConcurrentChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	writeFile(t, path, "# one\n")
	reads := 0
	changed, err := edit(path, func(path string) (string, error) {
		if reads++; reads == 2 {
			writeFile(t, path, "# two\n")
		}
		text, _, err := read(path)
		return text, err
	}, wizard)
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	checkFile(t, path, "# two\n"+wizardText)

	changed, err = edit(path, func(path string) (string, error) {
		reads++
		writeFile(t, path, strings.Repeat("#", reads))
		text, _, err := read(path)
		return text, err
	}, wizard)
	if changed || !errors.Is(err, ErrBusy) {
		t.Errorf("a file that changes all the time: %v, %v", changed, err)
	}
}

func checkFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s has mode %v, not %v", path, info.Mode(), want)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
