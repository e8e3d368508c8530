package doctor

import (
	"errors"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// directories looks whether the directories that everything else is in can be
// used. It says nothing when they can.
func (x *examination) directories() []Check {
	var out []Check
	_, home := x.Env.FindHome()
	if none, ok := errors.AsType[*env.NoDirError](home); ok {
		out = append(out, check("home", Problem, []string{none.Command}, "none: %s", none.Cause))
	}
	_, cache := x.Env.FindCacheDir()
	if none, ok := errors.AsType[*env.NoDirError](cache); ok && none.Kind == env.ErrNoCache {
		out = append(out, check("cache", Problem, []string{none.Command}, "%s, so nothing is cached", none.Cause))
	}
	return out
}
