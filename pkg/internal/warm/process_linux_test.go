package warm

import (
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

func TestParseEnvironmentMatchesGo(t *testing.T) {
	known = 0
	defer func() { known = 0 }()
	all := strings.Join([]string{
		"PATH=/bin", "HOME=/home/a", "AWS_PROFILE=first", "AWS_PROFILE=second", "AWS_REGION", "=AWS_X=1",
		"AWS_ENDPOINT_URL=https://x/?a=b", "ECR_SSO_CONFIG=", "XDG_CACHE_HOME=/c",
	}, "\x00") + "\x00"
	if !parseEnvironment(all) {
		t.Fatal("refused")
	}
	for name, want := range map[string]string{
		"HOME": "/home/a", "AWS_PROFILE": "first", "AWS_REGION": "", "AWS_ENDPOINT_URL": "https://x/?a=b",
		"ECR_SSO_CONFIG": "", "XDG_CACHE_HOME": "/c", "PATH": "",
	} {
		if got := getenv(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

func TestParseEnvironmentRefusesTooManyVariables(t *testing.T) {
	known = 0
	defer func() { known = 0 }()
	if parseEnvironment(strings.Repeat("AWS_X=1\x00", len(variables)+1)) {
		t.Error("accepted")
	}
}

// The environment reader skips no variable that warmfile.Environment needs.
func TestNeededVariablesAreRead(t *testing.T) {
	var asked []string
	warmfile.Environment(func(name string) string {
		asked = append(asked, name)
		if name == "HOME" {
			return "/home/a"
		}
		return ""
	})
	if len(asked) < 20 {
		t.Errorf("only %d names: %v", len(asked), asked)
	}
	for _, name := range asked {
		if !relevant(name) {
			t.Errorf("%s is needed and skipped", name)
		}
	}
}
