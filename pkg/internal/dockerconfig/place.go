package dockerconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// CheckPlace returns an error, with the command that fixes it, if DOCKER_CONFIG does
// not name a directory as Docker reads it: no program expands a ~ in it, and a file is
// not a directory.
func CheckPlace(e env.Set) error {
	dir, name := e.Get(env.DockerConfig), env.DockerConfig.Name()
	if rest, ok := strings.CutPrefix(dir, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		fix := `export ` + name + `="$HOME"`
		if rest != "" {
			fix += hint.Arg(rest)
		}
		return hint.With(fmt.Errorf("%s is %q, but Docker does not expand the ~", name, dir), fix)
	}
	info, err := os.Stat(dir)
	if dir == "" || err != nil || info.IsDir() {
		return nil
	}
	fix := "unset " + name
	if filepath.Base(dir) == "config.json" {
		fix = "export " + name + "=" + hint.Arg(filepath.Dir(dir))
	}
	return hint.With(fmt.Errorf("%s names the file %s, but Docker takes it for a directory", name, dir), fix)
}
