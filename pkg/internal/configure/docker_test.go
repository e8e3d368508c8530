package configure

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	hostA = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	hostB = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
	hostC = "210987654321.dkr.ecr.cn-north-1.amazonaws.com.cn"
)

const awsFile = `[default]
region = us-east-1
[profile a]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Push
region = us-east-1
[profile a-again]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = ReadOnly
region = us-east-1
[profile c]
sso_session = corp
sso_account_id = 210987654321
sso_role_name = Push
region = cn-north-1
[profile nowhere]
sso_session = corp
sso_account_id = 210987654321
sso_role_name = Push
[profile broken]
sso_session = gone
sso_account_id = 210987654321
[profile odd]
sso_session = corp
sso_account_id = 1
sso_role_name = Push
region = us-east-1
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = us-east-1
`

// machine is a home directory with the helper on PATH and a Docker configuration ("":
// none).
func machine(t *testing.T, docker string, more ...string) (DockerInput, string) {
	t.Helper()
	home := t.TempDir()
	bin := filepath.Join(home, "bin")
	tool := filepath.Join(bin, hint.Program)
	if runtime.GOOS == "windows" {
		tool += ".exe"
	}
	vars := map[string]string{
		env.Home.Name(): home, env.UserProfile.Name(): home, env.SSOCacheDir.Name(): filepath.Join(home, "cache"),
		env.Path.Name(): "." + string(os.PathListSeparator) + bin,
	}
	for i := 0; i < len(more); i += 2 {
		vars[more[i]] = more[i+1]
	}
	path := filepath.Join(home, ".docker", "config.json")
	put(t, tool, "", 0o700)
	if docker != "" {
		put(t, path, docker, 0o600)
	}
	aws := filepath.Join(home, ".aws", "config")
	put(t, aws, awsFile, 0o600)
	return DockerInput{
		Env:    env.FromMap(vars),
		Config: func() (*awsconfig.Config, error) { return awsconfig.Load(awsconfig.Paths{Config: aws}) },
	}, path
}

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDockerAddsProfileRegistries(t *testing.T) {
	in, path := machine(t, "")
	report, err := Docker(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{hostA, hostC}, report.Added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	want := []Note{
		{`profile "nowhere" has no region`, hint.Program + " configure --profile nowhere"},
		{`profile "broken" names SSO session "gone", which is not configured`, hint.Program + " configure --profile broken"},
		{`sso_account_id "1" of profile "odd" is not an account id, which has 12 digits`, "docker-credential-ecr-sso configure --profile odd"},
	}
	if diff := cmp.Diff(want, report.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if len(report.Warnings) > 0 {
		t.Errorf("warnings: %v", report.Warnings)
	}
	text := content(t, path)
	written := "{\n\t\"credHelpers\": {\n\t\t\"" + hostA + "\": \"ecr-sso\",\n\t\t\"" + hostC + "\": \"ecr-sso\"\n\t}\n}"
	if diff := cmp.Diff(written, text); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	report, err = Docker(t.Context(), in)
	if err != nil || report.Changed() || len(report.Unchanged) != 2 || content(t, path) != text {
		t.Errorf("a second time: %+v, %v", report, err)
	}
}

func TestDockerAcceptsAllHostForms(t *testing.T) {
	in, _ := machine(t, "")
	in.Config = func() (*awsconfig.Config, error) { return nil, errors.New("not needed") }
	in.Hosts = []string{"https://" + hostA + "/v2/", strings.ToUpper(hostA), hostB + "/app:latest", "public.ecr.aws"}
	report, err := Docker(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{hostA, hostB, "public.ecr.aws"}, report.Added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
}

func TestDockerErrors(t *testing.T) {
	other := `{"credHelpers": {"` + hostA + `": "ecr-login", "` + hostB + `": "pass"}}`
	for name, c := range map[string]struct {
		docker string
		change func(*DockerInput)
		is     error
		line   string // beginning of the line; PATH stands for the file
	}{
		"host that is not a registry": {"", func(in *DockerInput) { in.Hosts = []string{"docker.io"} },
			registry.ErrNotECR, `"docker.io" is not an Amazon ECR registry`},
		"another helper's registry": {other, func(in *DockerInput) { in.Hosts = []string{hostA} },
			nil, "PATH: " + hostA + ` is served by another helper, "ecr-login"; run: ` + hint.Program + " configure-docker --overwrite " + hostA},
		"several of them": {other, func(in *DockerInput) { in.Hosts = []string{hostA, hostB} },
			nil, "PATH: 2 registries are served by other helpers; run: " + hint.Program + " configure-docker --overwrite " + hostA + " " + hostB},
		"another helper's entry is not removed": {other, func(in *DockerInput) { in.Hosts, in.Remove = []string{hostA}, true },
			nil, "PATH: " + hostA + ` is served by another helper, "ecr-login"`},
		"file that is not JSON": {"{,}", func(in *DockerInput) { in.Hosts = []string{hostA} },
			dockerconfig.ErrNotJSON, "PATH: not valid JSON"},
		"no profile": {"", func(in *DockerInput) {
			in.Config = func() (*awsconfig.Config, error) {
				return awsconfig.Load(awsconfig.Paths{Config: filepath.Join(in.Env.HomeDir(), "none")})
			}
		}, nil, filepath.Join("HOME", "none") + " has no SSO profile with a region, so there is no registry to add; run: " + hint.Program + " configure"},
		"an AWS configuration that cannot be read": {"", func(in *DockerInput) {
			in.Config = func() (*awsconfig.Config, error) { return nil, errors.New("broken") }
		}, nil, "broken; run: " + hint.DoctorCommand("")},
	} {
		t.Run(name, func(t *testing.T) {
			in, path := machine(t, c.docker)
			c.change(&in)
			report, err := Docker(t.Context(), in)
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("error %v", err)
			}
			want := strings.NewReplacer("PATH", path, "HOME", in.Env.HomeDir()).Replace(c.line)
			if !strings.HasPrefix(hint.Line(err), want) {
				t.Errorf("got  %s\nwant %s", hint.Line(err), want)
			}
			if report.Changed() {
				t.Error("a change is reported")
			}
			if c.docker != "" && content(t, path) != c.docker {
				t.Error("the file was changed")
			}
		})
	}
}

func TestDockerOverwritesAndRemoves(t *testing.T) {
	before := "{\n  \"x\": 1e2,\n  \"credHelpers\": {\n    \"" + hostA + "\": \"ecr-login\",\n    \"gcr.io\": \"gcr\"\n  }\n}\n"
	in, path := machine(t, before)
	in.Hosts, in.Overwrite = []string{hostA, hostB}, true
	report, err := Docker(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]dockerconfig.Conflict{{Host: hostA, Helper: "ecr-login"}}, report.Replaced); diff != "" {
		t.Error(diff)
	}
	in.Hosts, in.Overwrite, in.Remove = nil, false, true
	if report, err = Docker(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{hostA, hostB}, report.Removed); diff != "" {
		t.Error(diff)
	}
	if got, want := content(t, path), "{\n  \"x\": 1e2,\n  \"credHelpers\": {\n    \"gcr.io\": \"gcr\"\n  }\n}\n"; got != want {
		t.Errorf("file: %s", got)
	}
	in.Hosts = []string{hostA}
	if report, err = Docker(t.Context(), in); err != nil || report.Changed() {
		t.Errorf("a second time: %+v, %v", report, err)
	}
}

func TestDockerRemovesNonRegistryEntry(t *testing.T) {
	in, _ := machine(t, `{"credHelpers": {"registry.example.com": "ecr-sso"}}`)
	in.Hosts, in.Remove = []string{"registry.example.com"}, true
	if report, err := Docker(t.Context(), in); err != nil || len(report.Removed) != 1 {
		t.Errorf("got %+v, error %v", report, err)
	}
}

func TestDockerPlansWithoutWriting(t *testing.T) {
	in, path := machine(t, "")
	in.DryRun = true
	report, err := Docker(t.Context(), in)
	if err != nil || !report.Changed() || !strings.Contains(report.Diff(), `+ "`+hostA+`": "ecr-sso"`) {
		t.Errorf("got %s, error %v", report.Diff(), err)
	}
	for _, p := range []string{path, in.Env.CacheDir()} {
		if _, err := os.Lstat(p); err == nil {
			t.Errorf("%s was created", p)
		}
	}
}

func TestDockerChangesPodmanFile(t *testing.T) {
	in, path := machine(t, "")
	auth := filepath.Join(in.Env.HomeDir(), "auth.json")
	in, _ = machine(t, "", env.RegistryAuthFile.Name(), auth)
	in.Hosts, in.Podman = []string{hostA}, true
	if report, err := Docker(t.Context(), in); err != nil || report.Path != auth {
		t.Fatalf("got %+v, error %v", report, err)
	}
	if !strings.Contains(content(t, auth), hostA) {
		t.Error("no entry")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("Docker's file was also created")
	}
	put(t, auth, `{"credHelpers": {"`+hostA+`": "x"}}`, 0o600)
	_, err := Docker(t.Context(), in)
	if next := hint.Next(err); len(next) != 1 || next[0] != hint.Program+" configure-docker --podman --overwrite "+hostA {
		t.Errorf("next is %v", next)
	}
}

func TestDockerAcceptsItsWindowsProgram(t *testing.T) {
	in, path := machine(t, `{"credHelpers": {"`+hostA+`": "ecr-sso.exe"}}`)
	in.Hosts = []string{hostA}
	if report, err := Docker(t.Context(), in); err != nil || report.Changed() || len(report.Unchanged) != 1 {
		t.Errorf("%+v, %v: got %s", report, err, content(t, path))
	}
}

// With and without a host, --remove also removes entries for the Windows program.
func TestDockerRemovesItsWindowsProgram(t *testing.T) {
	for _, hosts := range [][]string{nil, {hostA}} {
		in, path := machine(t, `{"credHelpers": {"`+hostA+`": "ecr-sso.exe"}}`)
		in.Hosts, in.Remove, in.DryRun = hosts, true, true
		if report, err := Docker(t.Context(), in); err != nil || !strings.HasSuffix(report.Diff(), `- "`+hostA+`": "ecr-sso.exe"`+"\n") {
			t.Errorf("got %s, error %v", report.Diff(), err)
		}
		in.DryRun = false
		if report, err := Docker(t.Context(), in); err != nil || len(report.Removed) != 1 || strings.Contains(content(t, path), hostA) {
			t.Errorf("%+v, %v: got %s", report, err, content(t, path))
		}
	}
}

func TestDockerWarns(t *testing.T) {
	token := `"auth": "QVdTOnRva2Vu"`
	for name, c := range map[string]struct {
		docker string
		vars   []string
		want   []string // beginnings
	}{
		"no warnings": {`{"auths": {"` + hostA + `": {}, "` + hostB + `": {` + token + `}}}`,
			[]string{"DOCKER_AUTH_CONFIG", `{"auths": {"docker.io": {` + token + `}}}`}, nil},
		"login in plain text": {`{"auths": {"https://` + hostA + `": {` + token + `}}}`, nil,
			[]string{"PATH has a login for https://" + hostA + " in plain text, which is not used: clients call ecr-sso; docker logout https://" + hostA}},
		"login in the environment": {"", []string{"DOCKER_AUTH_CONFIG", `{"auths": {"` + hostA + `": {` + token + `}}}`},
			[]string{"DOCKER_AUTH_CONFIG has a login for " + hostA + ", which docker 28.3 and newer uses instead of ecr-sso; " + hint.UnsetCommand("DOCKER_AUTH_CONFIG")}},
		"empty PATH":     {"", []string{"PATH", ""}, []string{hint.Program + " is not on PATH"}},
		"relative entry": {"", []string{"PATH", "bin"}, []string{hint.Program + " is not on PATH"}},
	} {
		t.Run(name, func(t *testing.T) {
			in, path := machine(t, c.docker, c.vars...)
			t.Chdir(in.Env.HomeDir())
			in.Hosts = []string{hostA}
			report, err := Docker(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Warnings) != len(c.want) {
				t.Fatalf("got %v", report.Warnings)
			}
			for i, n := range report.Warnings {
				if got := n.Text + "; " + n.Next; !strings.HasPrefix(got, strings.ReplaceAll(c.want[i], "PATH has", path+" has")) {
					t.Errorf("got %s", got)
				}
			}
		})
	}
}

func TestDockerWorksWithoutLock(t *testing.T) {
	in, path := machine(t, "")
	put(t, in.Env.CacheDir(), "a file where the cache should be", 0o600)
	in.Hosts = []string{hostA}
	if _, err := Docker(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(content(t, path), hostA) {
		t.Error("no entry")
	}
}

func TestDockerRequiresHome(t *testing.T) {
	in, _ := machine(t, "", env.Home.Name(), "relative", env.UserProfile.Name(), "relative")
	for _, in.Podman = range []bool{false, true} {
		_, one := Docker(t.Context(), in)
		_, all := AllRegistries(t.Context(), in)
		for _, err := range []error{one, all} {
			if !errors.Is(err, env.ErrNoHome) || len(hint.Next(err)) != 1 {
				t.Errorf("podman %v: %v", in.Podman, err)
			}
		}
	}
}
