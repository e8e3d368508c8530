package login

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func TestDesktopOpenerRunsInOwnSession(t *testing.T) {
	const page = "https://d.awsapps.com/start?a&b"
	for name, c := range map[string]struct{ there, want string }{
		"all three":            {"www-browser x-www-browser xdg-open", "xdg-open"},
		"no xdg-open":          {"www-browser x-www-browser", "x-www-browser"},
		"last one alone":       {"www-browser", "www-browser"},
		"desktop without them": {"firefox", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out")
			for program := range strings.FieldsSeq(c.there) {
				// The fifth and sixth fields are the process group and the session.
				script(t, dir, program, `read -r pid comm state parent group session rest </proc/self/stat
[ "$group $session" = "$$ $$" ] && own=yes
printf %s "`+program+` $1 $own" >`+out)
			}
			b := Browser{Env: env.FromMap(map[string]string{"DISPLAY": ":0", "PATH": dir})}
			err := b.Open(t.Context(), page)
			if c.want == "" {
				if !errors.Is(err, ErrNoBrowser) {
					t.Errorf("error %v", err)
				}
				return
			}
			got, _ := os.ReadFile(out)
			if err != nil || linkForm.ReplaceAllString(string(got), "LINK") != c.want+" LINK yes" {
				t.Errorf("%v; ran %q", err, got)
			}
		})
	}
}
