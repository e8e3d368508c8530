package doctor

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

const host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// newCheckup returns a checkup of a home directory with these files.
func newCheckup(t *testing.T, files map[string]string, vars map[string]string) *checkup {
	t.Helper()
	home := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(home, filepath.FromSlash(name)), text, 0o600)
	}
	all := map[string]string{"HOME": home, "USERPROFILE": home, "XDG_RUNTIME_DIR": filepath.Join(home, "run")}
	for name, value := range vars {
		all[name] = strings.ReplaceAll(value, "HOME", home)
	}
	x := &checkup{Doctor: &Doctor{Env: env.FromMap(all), Now: time.Now}, home: home, host: host}
	x.load()
	return x
}

func TestPath(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	dir := t.TempDir()
	self := write(t, filepath.Join(dir, "self", hint.Program), "", 0o755)
	write(t, filepath.Join(dir, "other", hint.Program), "", 0o755)
	write(t, filepath.Join(dir, "plain", hint.Program), "", 0o644)
	if err := os.MkdirAll(filepath.Join(dir, "dir", hint.Program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "link"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "link", hint.Program)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "self"))
	for name, c := range map[string]struct {
		path []string
		want Verdict
		next int
	}{
		"found":                                 {[]string{"/nowhere", dir + "/self"}, OK, 0},
		"found through a link":                  {[]string{dir + "/link"}, OK, 0},
		"directory of that name does not count": {[]string{dir + "/dir"}, Problem, 1},
		"nowhere":                               {[]string{"/nowhere"}, Problem, 1},
		"nowhere, with the usual place":         {[]string{"/usr/local/bin"}, Problem, 2},
		"not executable":                        {[]string{dir + "/plain"}, Problem, 1},
		"another helper":                        {[]string{dir + "/other", dir + "/self"}, Warning, 0},
		"only in an empty entry":                {[]string{""}, Problem, 1},
		"only in a relative entry":              {[]string{"."}, Problem, 1},
		"after a relative entry":                {[]string{".", dir + "/self"}, Warning, 0},
		"no PATH":                               {nil, Problem, 1},
	} {
		t.Run(name, func(t *testing.T) {
			x := newCheckup(t, nil, map[string]string{"PATH": strings.Join(c.path, ":")})
			x.Self = self
			if len(c.path) == 1 && c.path[0] == "" {
				x.Env = env.FromMap(map[string]string{"PATH": ":"})
			}
			if got := x.onPath(); got.Verdict != c.want || len(got.Next) != c.next {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// The command removes the entry of a key that no client uses. The key is quoted once.
func TestKeyThatIsNotHostName(t *testing.T) {
	for _, key := range []string{"*.dkr.ecr.us-east-1.amazonaws.com", "https://" + host + "/v1/", "$(id)." + host} {
		x := newCheckup(t, map[string]string{".docker/config.json": `{"credHelpers":{"` + key + `":"ecr-sso"}}`}, nil)
		x.host = ""
		want := []string{hint.ConfigureDockerCommand("--remove", key)}
		if got := x.docker(); got.Verdict != Warning || !slices.Equal(got.Next, want) {
			t.Errorf("%s: got %+v", key, got)
		}
	}
}

// Files that name this helper, and files with a plain-text login.
const (
	us    = `{"credHelpers":{"` + host + `":"ecr-sso"}}`
	login = `{"auths":{"` + host + `":{"auth":"aHVzaC1odXNo"}}}`
)

// clientFileCases are the test cases of TestOtherClientsFiles.
var clientFileCases = map[string]struct {
	files  map[string]string
	vars   map[string]string
	docker Verdict
	podman Verdict
	logins Verdict
	next   string // of logins
}{
	"docker only": {files: map[string]string{".docker/config.json": us}, docker: OK, podman: Skipped, logins: OK},
	"podman only": {files: map[string]string{".config/containers/auth.json": us}, docker: Warning, podman: OK, logins: OK},
	"podman login that takes precedence": {
		files:  map[string]string{".docker/config.json": us, "run/containers/auth.json": login},
		docker: OK, podman: OK, logins: Warning, next: "podman logout " + host},
	"podman's file is broken": {
		files:  map[string]string{".docker/config.json": us, ".config/containers/auth.json": "{"},
		docker: OK, podman: Problem, logins: OK},
	"podman has another helper": {
		files:  map[string]string{".docker/config.json": us, ".config/containers/auth.json": `{"credHelpers":{"` + host + `":"pass"}}`},
		docker: OK, podman: Problem, logins: OK},
	"podman reads another file only": {
		files:  map[string]string{".docker/config.json": us, "auth.json": "{}"},
		vars:   map[string]string{"REGISTRY_AUTH_FILE": "HOME/auth.json"},
		docker: OK, podman: Warning, logins: OK},
	"docker login in our place": {
		files:  map[string]string{".docker/config.json": login},
		docker: Problem, podman: Skipped, logins: Problem, next: "docker logout " + host},
	"helm login": {
		files:  map[string]string{".docker/config.json": us, ".config/helm/registry/config.json": login},
		docker: OK, podman: Skipped, logins: Warning, next: "helm registry logout " + host},
	"login for another registry": {
		files:  map[string]string{".docker/config.json": `{"credsStore":"ecr-sso","auths":{"docker.io":{"auth":"aHVzaC1odXNo"}}}`},
		docker: OK, podman: Skipped, logins: OK},
	"docker's empty marker is not a login": {
		files:  map[string]string{".docker/config.json": `{"credsStore":"ecr-sso","auths":{"` + host + `":{}}}`},
		docker: OK, podman: Skipped, logins: OK},
	"login in DOCKER_AUTH_CONFIG": {
		files: map[string]string{".docker/config.json": us}, vars: map[string]string{"DOCKER_AUTH_CONFIG": login},
		docker: OK, podman: Skipped, logins: Problem, next: "unset DOCKER_AUTH_CONFIG"},
	"DOCKER_AUTH_CONFIG is not JSON": {
		files: map[string]string{".docker/config.json": us}, vars: map[string]string{"DOCKER_AUTH_CONFIG": "hush-hush"},
		docker: OK, podman: Skipped, logins: OK},
}

func TestOtherClientsFiles(t *testing.T) {
	for name, c := range clientFileCases {
		t.Run(name, func(t *testing.T) {
			if env.GOOS != "linux" && c.files["run/containers/auth.json"] != "" {
				t.Skip("podman has no such file on this system")
			}
			x := newCheckup(t, c.files, c.vars)
			r := x.report([]Check{x.docker(), x.podman(), x.logins()})
			var got []Verdict
			for _, check := range r.Checks {
				got = append(got, check.Verdict)
				if strings.Contains(check.Detail, "hush") || strings.Contains(check.Detail, "aHVza") {
					t.Errorf("the detail contains a secret: %s", check.Detail)
				}
			}
			if d := cmp.Diff([]Verdict{c.docker, c.podman, c.logins}, got); d != "" {
				t.Errorf("%s\n%+v", d, r.Checks)
			}
			if next := strings.Join(r.Checks[2].Next, ";"); next != c.next {
				t.Errorf("next: %s", next)
			}
		})
	}
}

func TestAWSFiles(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		vars   map[string]string
		want   Verdict
		detail string
	}{
		"none": {want: Warning, detail: "no profile in ~/.aws/config (it does not exist)"},
		"incomplete profile": {config: "[profile a]\nsso_account_id = 111111111111\nsso_role_name = r\nsso_session = s\n", want: Warning,
			detail: `~/.aws/config: profile "a" names SSO session "s", which is not configured`},
		"quoted name, as the AWS CLI writes it": {want: OK, detail: "~/.aws/config: 1 profile, 1 with SSO, 1 session",
			config: "[profile 'a b']\nsso_account_id = 111111111111\nsso_role_name = r\nsso_session = s\n[sso-session s]\nsso_start_url = https://x\nsso_region = us-east-1\n"},
		"variable with the path of a missing file": {vars: map[string]string{"AWS_CONFIG_FILE": "HOME/gone"}, want: Warning,
			detail: "AWS_CONFIG_FILE names ~/gone, which does not exist"},
		"variable with the path of a file": {vars: map[string]string{"AWS_CONFIG_FILE": "HOME/.aws/config"}, want: OK,
			config: "[default]\nregion = us-east-1\n", detail: "~/.aws/config (AWS_CONFIG_FILE): 1 profile, 0 with SSO, 0 sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			if c.config != "" {
				files[".aws/config"] = c.config
			}
			x := newCheckup(t, files, c.vars)
			got := x.report([]Check{x.awsFiles()}).Checks[0]
			if got.Verdict != c.want || filepath.ToSlash(got.Detail) != c.detail {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestEnvironmentShowsNoSecret(t *testing.T) {
	x := newCheckup(t, nil, map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAHUSH", "AWS_SECRET_ACCESS_KEY": "hush", "HTTPS_PROXY": "http://me:hush@proxy:3128",
		"AWS_ENDPOINT_URL_ECR": "https://me:hush@ecr.example.com/x?hush=1", "AWS_ENDPOINT_URL": "https://%zz-hush://",
		"NO_PROXY": "me:hush@host", "AWS_PROFILE": "prod\x1b[2J", "CI": "1", "TERM": "xterm",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/creds?hush",
	})
	got := x.environment().Detail
	want := "AWS_PROFILE=prod?[2J, AWS_ACCESS_KEY_ID (set), AWS_SECRET_ACCESS_KEY (set), " +
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1/creds, AWS_ENDPOINT_URL (set), " +
		"AWS_ENDPOINT_URL_ECR=https://ecr.example.com/x, CI=1, HTTPS_PROXY (set), NO_PROXY (set)"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access lists")
	}
	for name, c := range map[string]struct {
		path string
		mode os.FileMode
		want string
	}{
		"no problem":                             {".aws/sso/cache/0.json", 0o600, "only you can read the files with secrets"},
		"an SSO token for the group":             {".aws/sso/cache/0.json", 0o640, "other users can read ~/.aws/sso/cache/0.json"},
		"role credentials for all":               {".aws/cli/cache/0.json", 0o644, "other users can read ~/.aws/cli/cache/0.json"},
		"credentials file":                       {".aws/credentials", 0o644, "other users can read ~/.aws/credentials"},
		"configuration may be read":              {".aws/config", 0o644, "only you can read the files with secrets"},
		"configuration can be changed":           {".aws/config", 0o666, "other users can change ~/.aws/config"},
		"docker's file without a login":          {".docker/config.json", 0o644, "only you can read the files with secrets"},
		"docker's file that all users can write": {".docker/config.json", 0o662, "other users can change ~/.docker/config.json"},
		"token of ours in the cache":             {"CACHE/0.v1.json", 0o604, "other users can read ~/CACHE/0.v1.json"},
		"files of other tools are not checked":   {".aws/sso/cache/0.txt", 0o644, "only you can read the files with secrets"},
		"our settings that all users can write":  {"SETTINGS", 0o622, "other users can change ~/SETTINGS"},
		"settings may be read":                   {"SETTINGS", 0o644, "only you can read the files with secrets"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newCheckup(t, nil, nil)
			own := strings.NewReplacer("CACHE", belowHome(t, x, x.Env.CacheDir()), "SETTINGS", belowHome(t, x, settings.Path(x.Env)))
			c.path, c.want = own.Replace(c.path), own.Replace(c.want)
			path := write(t, filepath.Join(x.home, c.path), "", c.mode)
			x.load()
			got := x.report([]Check{x.modes()}).Checks[0]
			if got.Detail != c.want || (got.Verdict == OK) != (len(got.Next) == 0) {
				t.Errorf("got %+v", got)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != c.mode {
				t.Errorf("changed to %v, %v", info.Mode(), err)
			}
		})
	}
}

// belowHome returns a path relative to the home directory.
func belowHome(t *testing.T, x *checkup, path string) string {
	t.Helper()
	rest, err := filepath.Rel(x.home, path)
	if err != nil {
		t.Fatal(err)
	}
	return rest
}

func TestCacheThatOthersCanWriteTo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("access lists")
	}
	x := newCheckup(t, nil, nil)
	dir := x.Env.CacheDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	got := x.modes()
	if got.Verdict != Warning || !strings.HasSuffix(got.Detail, "so nothing is cached") || got.Next[0] != "chmod go-rwx "+hint.PathArg(dir, x.home) {
		t.Errorf("got %+v", got)
	}
}

// clock uses the smallest clock difference, regardless of larger ones. The difference
// between two clock skews does not fit in a 32-bit int.
func TestClockUsesSmallestDifference(t *testing.T) {
	year := 365 * 24 * time.Hour
	for name, tt := range map[string]struct {
		skews []time.Duration
		want  Verdict
	}{
		"as ours":                       {[]time.Duration{year, time.Second, -year}, OK},
		"3 s and 0 (a 32-bit overflow)": {[]time.Duration{3 * time.Second, 20 * time.Minute}, OK},
		"nearest last":                  {[]time.Duration{20 * time.Minute, 6 * time.Minute, time.Minute}, OK},
		"all off":                       {[]time.Duration{-6 * time.Minute, 20 * time.Minute}, Warning},
	} {
		var all []probe
		for _, skew := range tt.skews {
			all = append(all, probe{endpoint: endpoint{url: "https://x"}, skew: skew})
		}
		if got := clock(all); got.Verdict != tt.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestProxyVariablesAreShown(t *testing.T) {
	got := newCheckup(t, nil, map[string]string{"https_proxy": "http://me:secret@proxy.example:3128", "no_proxy": "corp.example"}).environment()
	if want := "https_proxy (set), no_proxy=corp.example"; got.Detail != want {
		t.Errorf("%q, want %q", got.Detail, want)
	}
}
