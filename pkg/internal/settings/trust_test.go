package settings

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// world creates a user's directories: home/src/repo is a repository, home/src/plain is not.
func world(t *testing.T) (top string, write func(path string)) {
	top = t.TempDir()
	for _, dir := range []string{"home/src/repo/.git", "home/src/repo/a/b", "home/src/plain/a", "home/direnv/a", "etc"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write = func(path string) {
		t.Helper()
		path = filepath.Join(top, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("login = \"never\"\n[registries]\n\"public.ecr.aws\" = \"x\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(top, "home/direnv/.envrc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return top, write
}

func TestWhereFileMayBe(t *testing.T) {
	const usual = "home/.config/docker-credential-ecr-sso/config.toml"
	for name, c := range map[string]struct {
		file, wd string
		set      string // a variable and its value; $T is the test directory
		why      string // "" if the mappings are used
	}{
		"usual place":                             {usual, "home", "", ""},
		"usual place, from a repository":          {usual, "home/src/repo", "", ""},
		"usual place, from its own directory":     {usual, "home/.config/docker-credential-ecr-sso", "", ""},
		"usual place by name":                     {usual, "home/.config", "ECR_SSO_CONFIG=$T/" + usual, ""},
		"usual place with a ~":                    {usual, "home/.config", "ECR_SSO_CONFIG=~/.config/docker-credential-ecr-sso/config.toml", ""},
		"another place":                           {"etc/s.toml", "home/src/repo", "ECR_SSO_CONFIG=$T/etc/s.toml", ""},
		"another place below the home":            {"home/s.toml", "home", "ECR_SSO_CONFIG=$T/home/s.toml", ""},
		"another place, from above the home":      {"home/s.toml", "", "ECR_SSO_CONFIG=$T/home/s.toml", ""},
		"next to the working directory":           {"home/src/plain/s.toml", "home/src/plain/a", "ECR_SSO_CONFIG=$T/home/src/plain/s.toml", ""},
		"another repository":                      {"home/src/repo/s.toml", "home/src/plain", "ECR_SSO_CONFIG=$T/home/src/repo/s.toml", ""},
		"another XDG directory":                   {"etc/docker-credential-ecr-sso/config.toml", "home/src/repo", "XDG_CONFIG_HOME=$T/etc", ""},
		"working directory":                       {"home/src/repo/s.toml", "home/src/repo", "ECR_SSO_CONFIG=$T/home/src/repo/s.toml", "below the working directory; run: " + hint.UnsetCommand("ECR_SSO_CONFIG")},
		"below it":                                {"home/src/plain/a/s.toml", "home/src/plain", "ECR_SSO_CONFIG=$T/home/src/plain/a/s.toml", "below the working directory"},
		"relative path":                           {"home/src/plain/s.toml", "home/src/plain", "ECR_SSO_CONFIG=s.toml", "below the working directory"},
		"dots":                                    {"home/src/plain/s.toml", "home/src/plain", "ECR_SSO_CONFIG=$T/etc/../home/src/plain/s.toml", "below the working directory"},
		"top of the repository, from a below":     {"home/src/repo/s.toml", "home/src/repo/a/b", "ECR_SSO_CONFIG=$T/home/src/repo/s.toml", "the repository of the working directory"},
		"another part of the repository":          {"home/src/repo/x/s.toml", "home/src/repo/a", "ECR_SSO_CONFIG=../x/s.toml", "the repository of the working directory"},
		"directory with .envrc, from below":       {"home/direnv/s.toml", "home/direnv/a", "ECR_SSO_CONFIG=$T/home/direnv/s.toml", "the repository of the working directory"},
		"XDG_CONFIG_HOME in the repository":       {"home/src/repo/c/docker-credential-ecr-sso/config.toml", "home/src/repo", "XDG_CONFIG_HOME=$T/home/src/repo/c", "below the working directory; run: unset XDG_CONFIG_HOME"},
		"link into the repository":                {"home/src/repo/s.toml", "home/src/repo", "ECR_SSO_CONFIG=$T/etc/link", "below the working directory"},
		"link of the repository to another place": {"etc/s.toml", "home/src/repo", "ECR_SSO_CONFIG=$T/home/src/repo/out", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if env.GOOS != "linux" && (c.set == "" || strings.Contains(c.set, ".config") || strings.HasPrefix(c.set, "XDG")) {
				t.Skip("Windows has another directory for settings")
			}
			top, write := world(t)
			write(c.file)
			for link, to := range map[string]string{"etc/link": "home/src/repo/s.toml", "home/src/repo/out": "etc/s.toml"} {
				if err := os.Symlink(filepath.Join(top, to), filepath.Join(top, link)); err != nil {
					t.Skip(err)
				}
			}
			t.Chdir(filepath.Join(top, c.wd))
			vars := []string{"HOME=" + filepath.Join(top, "home"), "USERPROFILE=" + filepath.Join(top, "home"), strings.ReplaceAll(c.set, "$T", top)}
			s, err := LoadFor(env.FromList(vars))
			if err != nil {
				t.Fatal(err)
			}
			if s.Login != "never" {
				t.Error("the other keys must be used")
			}
			if counts := len(s.Registries) == 1; counts != (c.why == "") || counts != (s.Ignored == nil) {
				t.Fatalf("mappings %v, %v", s.Registries, s.Ignored)
			}
			if s.Ignored != nil && !strings.Contains(s.Ignored.Error(), c.why) {
				t.Errorf("%v, want %q", s.Ignored, c.why)
			}
		})
	}
}

// In a file that other users can write, each key that directs logins is ignored, both
// alone and together with the others. The remaining keys are used.
func TestEveryDirectingKeyIsIgnored(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	const top, tables = "fallback = \"desktop\"\nroles = [\"Push\"]\n", "[registries]\n\"" + ecr + "\" = \"x\"\n[aliases]\n\"ecr.example.io\" = \"" + ecr + "\"\n"
	mapping, alias, _ := strings.Cut(tables, "[aliases]")
	for _, c := range []struct{ nouns, verb, text string }{
		{"mappings", "are", mapping}, {"aliases", "are", "[aliases]" + alias}, {"fallback", "is", "fallback = \"desktop\"\n"}, {"fallback", "is", "replaced = \"desktop\"\n"}, {"roles", "are", "roles = [\"Push\"]\n"},
		{"mappings, aliases, fallback and roles", "are", top + tables},
	} {
		path := put(t, "login = \"never\"\n"+c.text)
		for mode, counts := range map[os.FileMode]bool{0o600: true, 0o666: false} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			s, err := LoadFor(env.FromList([]string{"HOME=" + t.TempDir(), "ECR_SSO_CONFIG=" + path}))
			if err != nil {
				t.Fatal(err)
			}
			if set := len(s.Registries) + len(s.Aliases) + len(s.Before()) + len(s.Roles); (set > 0) != counts || s.Login != "never" {
				t.Errorf("%s, mode %o: %+v", c.nouns, mode, s)
			}
			if counts != (s.Ignored == nil) || !counts && !strings.HasPrefix(s.Ignored.Error(), "the "+c.nouns+" of "+path+" "+c.verb+" ignored: ") {
				t.Errorf("%s, mode %o: %v", c.nouns, mode, s.Ignored)
			}
			if s.IgnoredFallback != (!counts && strings.Contains(c.nouns, "fallback")) {
				t.Errorf("%s, mode %o: IgnoredFallback is %v", c.nouns, mode, s.IgnoredFallback)
			}
			// An ignored alias returns an error with the reason, not the error for an unknown
			// registry.
			if _, _, err := s.Registry("ecr.example.io"); strings.Contains(c.nouns, "aliases") && (counts != (err == nil) || !counts && !errors.Is(err, s.Ignored)) {
				t.Errorf("%s, mode %o: %v", c.nouns, mode, err)
			}
		}
	}
}

func TestFileThatOthersCanWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	for name, c := range map[string]struct {
		file, dir os.FileMode
		why       string
	}{
		"user":                      {0o600, 0o700, ""},
		"user, read by all":         {0o644, 0o755, ""},
		"group, the file":           {0o660, 0o700, "(mode 0660); run: chmod go-w "},
		"all, the file":             {0o622, 0o700, "(mode 0622); run: chmod go-w "},
		"group, the directory":      {0o600, 0o770, "(mode 0770); run: chmod go-w "},
		"all, a directory as /tmp ": {0o600, 0o777 | os.ModeSticky, "(mode 0777); run: chmod go-w "},
	} {
		t.Run(name, func(t *testing.T) {
			top, write := world(t)
			write("etc/s.toml")
			path := filepath.Join(top, "etc/s.toml")
			if os.Chmod(path, c.file) != nil || os.Chmod(filepath.Dir(path), c.dir) != nil {
				t.Fatal("chmod")
			}
			s, err := LoadFor(env.FromList([]string{"HOME=" + filepath.Join(top, "home"), "ECR_SSO_CONFIG=" + path}))
			if err != nil || (s.Ignored == nil) != (c.why == "") || (len(s.Registries) == 1) != (c.why == "") {
				t.Fatalf("got %v, %v, error %v", s.Registries, s.Ignored, err)
			}
			if s.Ignored != nil && !strings.Contains(s.Ignored.Error(), c.why) {
				t.Errorf("%v, want %q", s.Ignored, c.why)
			}
		})
	}
}
