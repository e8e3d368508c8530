package doctor

import (
	"errors"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// directories looks whether the directories that everything else is in can be
// used. It says nothing when they can.
func (x *examination) directories() []Check {
	var out []Check
	if _, err := x.Env.FindHome(); err != nil {
		cause, next := err.Error(), []string(nil)
		if none, ok := errors.AsType[*env.NoHomeError](err); ok {
			cause, next = none.Cause, []string{none.Command}
		}
		out = append(out, check("home", Problem, next, "none: %s", cause))
	}
	if v := env.SSOCacheDir; x.Env.Get(v) != "" && !filepath.IsAbs(x.Env.Get(v)) {
		out = append(out, check("cache", Problem, []string{"unset " + v.Name()},
			"%s=%s is not an absolute path, so nothing is cached", v.Name(), x.Env.Get(v)))
	}
	return out
}
