package dockerconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

func TestCheckPlace(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"config.json", "other.json"} {
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for value, fix := range map[string]string{
		"":                                "",
		dir:                               "",
		filepath.Join(dir, "none"):        "", // Docker makes it
		"~user/x":                         "",
		"~":                               `export DOCKER_CONFIG="$HOME"`,
		"~/.docker":                       `export DOCKER_CONFIG="$HOME"/.docker`,
		"~/my docker":                     `export DOCKER_CONFIG="$HOME"'/my docker'`,
		filepath.Join(dir, "config.json"): "export DOCKER_CONFIG=" + hint.Arg(dir),
		filepath.Join(dir, "other.json"):  "unset DOCKER_CONFIG",
	} {
		err := CheckPlace(env.FromMap(map[string]string{"DOCKER_CONFIG": value}))
		if got := strings.Join(hint.Next(err), ""); got != fix || (err == nil) != (fix == "") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestRegistriesConf(t *testing.T) {
	ours, theirs := "credential-helpers = [\"containers-auth.json\", \"ecr-sso\"]\n", "credential-helpers = [\"secretservice\"]\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"none":                          {nil, ""},
		"the user's":                    {map[string]string{"home/.config/containers/registries.conf": ours}, "home/.config/containers/registries.conf"},
		"the system's":                  {map[string]string{"etc/registries.conf": ours}, "etc/registries.conf"},
		"the user's replaces it":        {map[string]string{"etc/registries.conf": ours, "home/.config/containers/registries.conf": "# mine\n"}, ""},
		"a directory adds to it":        {map[string]string{"etc/registries.conf": "# none\n", "etc/registries.conf.d/1.conf": ours}, "etc/registries.conf.d/1.conf"},
		"the last one counts":           {map[string]string{"etc/registries.conf.d/1.conf": ours, "home/.config/containers/registries.conf.d/1.conf": theirs}, ""},
		"one without the key does not":  {map[string]string{"etc/registries.conf.d/1.conf": ours, "etc/registries.conf.d/2.conf": "unqualified-search-registries = []\n"}, "etc/registries.conf.d/1.conf"},
		"one that is not TOML does not": {map[string]string{"etc/registries.conf": ours, "etc/registries.conf.d/2.conf": "{"}, "etc/registries.conf"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.files {
				path := filepath.Join(dir, filepath.FromSlash(file))
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := registriesConf(filepath.Join(dir, "etc"), filepath.Join(dir, "home"))
			if got != "" {
				got, _ = filepath.Rel(dir, got)
			}
			if filepath.ToSlash(got) != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestLoadNamesTheEncoding(t *testing.T) {
	for text, want := range map[string]string{
		"\xff\xfe{\x00}\x00": "is in UTF-16, not UTF-8",
		"{\x00}\x00":         "is in UTF-16, not UTF-8",
		"\xef\xbb\xbf{}":     "byte-order mark",
	} {
		path := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), want) || len(hint.Next(err)) != 1 {
			t.Errorf("%q: %v", text, err)
		}
	}
}
