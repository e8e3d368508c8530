package dockerconfig

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

func TestPath(t *testing.T) {
	home, dir, xdg := t.TempDir(), t.TempDir(), t.TempDir()
	tests := []struct {
		name           string
		env            map[string]string
		home           string
		docker, podman string
	}{
		{
			name: "home directory when nothing is set", home: home,
			docker: filepath.Join(home, ".docker", "config.json"),
			podman: filepath.Join(home, ".config", "containers", "auth.json"),
		},
		{
			name: "DOCKER_CONFIG names a directory, for podman too", home: home,
			env:    map[string]string{"DOCKER_CONFIG": dir},
			docker: filepath.Join(dir, "config.json"),
			podman: filepath.Join(dir, "config.json"),
		},
		{
			name: "REGISTRY_AUTH_FILE names podman's file and takes precedence over DOCKER_CONFIG", home: home,
			env:    map[string]string{"DOCKER_CONFIG": dir, "REGISTRY_AUTH_FILE": filepath.Join(dir, "a.json")},
			docker: filepath.Join(dir, "config.json"),
			podman: filepath.Join(dir, "a.json"),
		},
		{
			name: "XDG_CONFIG_HOME moves podman's file only", home: home,
			env:    map[string]string{"XDG_CONFIG_HOME": xdg},
			docker: filepath.Join(home, ".docker", "config.json"),
			podman: filepath.Join(xdg, "containers", "auth.json"),
		},
		{name: "no home directory, no file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := env.FromMap(tt.env)
			if got := Path(e, tt.home); got != tt.docker {
				t.Errorf("docker: %q, want %q", got, tt.docker)
			}
			if got := PodmanPath(e, tt.home); got != tt.podman {
				t.Errorf("podman: %q, want %q", got, tt.podman)
			}
		})
	}
}

func TestPodmanPathsAreInReadingOrder(t *testing.T) {
	if env.GOOS != "linux" {
		t.Skip("podman has a runtime directory on Linux only")
	}
	run := t.TempDir()
	got := PodmanPaths(env.FromMap(map[string]string{"XDG_RUNTIME_DIR": run}), "/h", 1000)
	want := []string{filepath.Join(run, "containers", "auth.json"), "/h/.config/containers/auth.json", "/h/.docker/config.json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = PodmanPaths(env.FromMap(nil), "/h", 1000)
	if want := "/run/containers/1000/auth.json"; got[0] != want {
		t.Errorf("first is %q, want %q", got[0], want)
	}
	got = PodmanPaths(env.FromMap(map[string]string{"REGISTRY_AUTH_FILE": "/a.json"}), "/h", 1000)
	if diff := cmp.Diff([]string{"/a.json"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckPlace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("package hint tests the commands of Windows")
	}
	dir := t.TempDir()
	for _, file := range []string{"config.json", "other.json"} {
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for value, fix := range map[string]string{
		"":                                "",
		dir:                               "",
		filepath.Join(dir, "none"):        "", // Docker creates it
		"~user/x":                         "",
		"~":                               `export DOCKER_CONFIG="$HOME"`,
		"~/.docker":                       `export DOCKER_CONFIG="$HOME"/.docker`,
		"~/my docker":                     `export DOCKER_CONFIG="$HOME"'/my docker'`,
		filepath.Join(dir, "config.json"): "export DOCKER_CONFIG=" + hint.Arg(dir),
		filepath.Join(dir, "other.json"):  "unset DOCKER_CONFIG",
	} {
		err := CheckPlace(env.FromMap(map[string]string{"DOCKER_CONFIG": value}))
		if got := strings.Join(hint.Next(err), ""); got != fix || (err == nil) != (fix == "") {
			t.Errorf("%q: error %v", value, err)
		}
	}
}

func TestRegistriesConf(t *testing.T) {
	ours, theirs := "credential-helpers = [\"containers-auth.json\", \"ecr-sso\"]\n", "credential-helpers = [\"secretservice\"]\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"none":                              {nil, ""},
		"user's":                            {map[string]string{"home/.config/containers/registries.conf": ours}, "home/.config/containers/registries.conf"},
		"system's":                          {map[string]string{"etc/registries.conf": ours}, "etc/registries.conf"},
		"user's replaces it":                {map[string]string{"etc/registries.conf": ours, "home/.config/containers/registries.conf": "# mine\n"}, ""},
		"directory adds to it":              {map[string]string{"etc/registries.conf": "# none\n", "etc/registries.conf.d/1.conf": ours}, "etc/registries.conf.d/1.conf"},
		"one of the variable":               {map[string]string{"named": ours, "etc/registries.conf": theirs, "home/.config/containers/registries.conf": theirs}, "named"},
		"variable replaces the user's":      {map[string]string{"named": "# none\n", "home/.config/containers/registries.conf": ours}, ""},
		"directory adds to the variable's":  {map[string]string{"named": theirs, "etc/registries.conf.d/1.conf": ours}, "etc/registries.conf.d/1.conf"},
		"last file wins":                    {map[string]string{"etc/registries.conf.d/1.conf": ours, "home/.config/containers/registries.conf.d/1.conf": theirs}, ""},
		"file without the key is ignored":   {map[string]string{"etc/registries.conf.d/1.conf": ours, "etc/registries.conf.d/2.conf": "unqualified-search-registries = []\n"}, "etc/registries.conf.d/1.conf"},
		"after other keys, in another case": {map[string]string{"etc/registries.conf": "unqualified-search-registries = ['docker.io']\nshort-name-mode = \"enforcing\"\nCredential-Helpers = [\n  'ecr-sso', # ours\n]\n[[registry]]\nlocation = 'quay.io'\ninsecure = false\n"}, "etc/registries.conf"},
		"key of a table is another key":     {map[string]string{"etc/registries.conf": "[aliases]\n" + ours}, ""},
		"dotted key is another key":         {map[string]string{"etc/registries.conf": "credential-helpers.x = ['ecr-sso']\n"}, ""},
		"list with a number is ignored":     {map[string]string{"etc/registries.conf": ours, "home/.config/containers/registries.conf": "credential-helpers = ['secretservice', 1]\n"}, "etc/registries.conf"},
		"text is ignored":                   {map[string]string{"etc/registries.conf": ours, "home/.config/containers/registries.conf": "credential-helpers = 'secretservice'\n"}, "etc/registries.conf"},
		"error at the end is one":           {map[string]string{"etc/registries.conf": ours + "[[registry]\n"}, ""},
		"file that is not TOML is ignored":  {map[string]string{"etc/registries.conf": ours, "etc/registries.conf.d/2.conf": "{"}, "etc/registries.conf"},
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
			e := env.FromMap(nil)
			if _, ok := c.files["named"]; ok {
				e = env.FromMap(map[string]string{"CONTAINERS_REGISTRIES_CONF": filepath.Join(dir, "named")})
			}
			got := registriesConf(e, filepath.Join(dir, "etc"), filepath.Join(dir, "home"))
			if got != "" {
				got, _ = filepath.Rel(dir, got)
			}
			if filepath.ToSlash(got) != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
