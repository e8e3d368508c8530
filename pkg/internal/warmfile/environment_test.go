package warmfile_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

// unconcerned are the rows of env's table that a cached answer does not depend on, each
// with the reason.
var unconcerned = map[env.Var]string{
	env.SSOFallback:              "it is about registries that are not ECR, which have no early answer",
	env.SSOLogin:                 "a sign-in comes after a miss",
	env.AWSRegion:                "the registry's region is in its name; STS is asked after a miss",
	env.AWSDefaultRegion:         "the same",
	env.AWSCABundle:              "no connection is made",
	env.SSLCertFile:              "the same",
	env.SSLCertDir:               "the same",
	env.RequestsCABundle:         "the same",
	env.HTTPSProxy:               "the same",
	env.HTTPSProxyLower:          "the same",
	env.NoProxy:                  "the same",
	env.NoProxyLower:             "the same",
	env.AWSEndpointURLSSO:        "the portal is asked after a miss",
	env.AWSEndpointURLSSOOIDC:    "the same",
	env.AWSEndpointURLSTS:        "the same",
	env.AWSUseFIPSEndpoint:       "for SSO, after a miss; ECR follows the name",
	env.AWSUseDualStackEndpoint:  "the same",
	env.AWSSecurityToken:         "it counts beside keys only, with which there are no warm answers",
	env.AWSEndpointURLSignin:     "it renews an identity, and does not change it",
	env.AWSEC2MetadataV1Disabled: "an ambient identity has no warm entry",
	env.AWSEC2MetadataDisabled:   "an ambient identity has no warm entry",
	env.DockerConfig:             "a get does not read it",
	env.DockerAuthConfig:         "the same",
	env.RegistryAuthFile:         "the same",
	env.RegistriesConf:           "the same",
	env.AWSECRRoleARN:            "a get does not read it, the kubelet's mode alone does",
	env.XDGRuntimeDir:            "the same",
	env.UserProfile:              "Windows has no warm answers",
	env.AppData:                  "the same",
	env.LocalAppData:             "the same",
	env.Path:                     "programs are started after a miss",
	env.CI:                       "a person is asked after a miss",
	env.Browser:                  "the same",
	env.Display:                  "the same",
	env.WaylandDisplay:           "the same",
	env.SSHConnection:            "the same",
	env.SSHTTY:                   "the same",
	env.WSLDistro:                "the same",
	env.Term:                     "the same",
	env.NoColor:                  "the same",
	env.ForceHyperlink:           "the same",
	env.TermProgram:              "the same",
	env.Tmux:                     "the same",
	env.VTEVersion:               "the same",
	env.KonsoleVersion:           "the same",
	env.WTSession:                "the same",
}

// environment calls Environment with the variables in a map. It also returns the names
// that Environment read.
func environment(m map[string]string) (text, dir string, ok bool, asked map[string]bool) {
	asked = map[string]bool{}
	text, dir, ok = warmfile.Environment(func(name string) string {
		asked[name] = true
		return m[name]
	})
	return text, dir, ok, asked
}

func TestEveryVariableIsClassified(t *testing.T) {
	home := map[string]string{"HOME": "/home/x"}
	_, _, _, asked := environment(home)
	for v, row := range env.Table() {
		reason, passed := unconcerned[env.Var(v)]
		switch {
		case asked[row.Name] && passed:
			t.Errorf("%s is read, but is also in the list of ignored variables: %s", row.Name, reason)
		case !asked[row.Name] && !passed:
			t.Errorf("%s: does an answer from the cache depend on it? Read it, or add it to unconcerned with the reason", row.Name)
		case asked[row.Name]:
			checkRead(t, row)
		}
		delete(asked, row.Name)
	}
	for name := range asked {
		t.Errorf("%s is read and has no row in the table of package env", name)
	}
}

// checkRead checks that a variable changes the text or prevents a warm answer. The text
// must never contain a secret, or a URL with a user name or a query.
func checkRead(t *testing.T, row env.Row) {
	t.Helper()
	text, _, ok, _ := environment(map[string]string{"HOME": "/home/x", row.Name: "/v4lue"})
	switch without, _, _, _ := environment(map[string]string{"HOME": "/home/x"}); {
	case row.Secret && (ok || strings.Contains(text, "v4lue")):
		t.Errorf("%s is a secret and is in the text: %q", row.Name, text)
	case !row.Secret && ok && text == without:
		t.Errorf("%s changes nothing", row.Name)
	}
	if !strings.Contains(row.Expects, "URL") {
		return
	}
	for _, value := range []string{"https://user:v4lue@127.0.0.1", "http://127.0.0.1/?token=v4lue"} {
		if text, _, ok, _ := environment(map[string]string{"HOME": "/home/x", row.Name: value}); ok || strings.Contains(text, "v4lue") {
			t.Errorf("%s=%s is in the text", row.Name, value)
		}
	}
}

func TestUnusualEnvironmentsHaveNoWarmAnswers(t *testing.T) {
	for what, m := range map[string]map[string]string{
		"no home":                   {},
		"relative home":             {"HOME": "home"},
		"home with dots":            {"HOME": "/home/x/../y"},
		"home that exists":          {"HOME": "/home/./y"},
		"relative cache":            {"HOME": "/home/x", "ECR_SSO_CACHE_DIR": "cache"},
		"cache with dots":           {"HOME": "/home/x", "ECR_SSO_CACHE_DIR": "/a/.."},
		"profile with a line break": {"HOME": "/home/x", "AWS_PROFILE": "a\nHOME=/b"},
		"log":                       {"HOME": "/home/x", "ECR_SSO_LOG": "/tmp/log"},
	} {
		if text, dir, ok, _ := environment(m); ok {
			t.Errorf("%s: got %q, %q", what, text, dir)
		}
	}
}

func TestDirectoryMatchesEnv(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has warm answers")
	}
	h := t.TempDir()
	for what, m := range map[string]map[string]string{
		"home":                    {"HOME": h},
		"home with a slash":       {"HOME": h + "/"},
		"XDG":                     {"HOME": h, "XDG_CACHE_HOME": "/x"},
		"relative XDG":            {"HOME": h, "XDG_CACHE_HOME": "x"},
		"ours":                    {"HOME": h, "XDG_CACHE_HOME": "/x", "ECR_SSO_CACHE_DIR": "/y/z"},
		"names that begin with .": {"HOME": h, "ECR_SSO_CACHE_DIR": "/.y/..z/..."},
	} {
		_, dir, ok, _ := environment(m)
		if want := env.FromMap(m).CacheDir(); !ok || strings.ReplaceAll(dir, "//", "/") != want {
			t.Errorf("%s: %q, %v, but env says %q", what, dir, ok, want)
		}
	}
}
