package doctor

import (
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/fallback"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// everyRegistry checks the configuration of `configure-docker --all-registries`: Docker
// calls this helper for every registry, and another store serves the non-ECR registries.
// Without this configuration, there is no check.
func (x *checkup) everyRegistry() []Check {
	const title = "registries"
	set, err := settings.LoadFor(x.Env)
	if err != nil || x.dockerFile == nil {
		return nil // these files have their own checks
	}
	again := configureDocker("--all-registries", "")
	switch store := x.dockerFile.CredsStore; {
	case !dockerconfig.IsHelper(store) && set.Fallback == "" && set.Replaced == nil:
		return nil
	case !dockerconfig.IsHelper(store) && store == "":
		return []Check{check(title, Warning, again, "%s has no credsStore, so docker does not call %s for every registry", x.dockerFile.Path, helper)}
	case !dockerconfig.IsHelper(store):
		return []Check{check(title, Warning, again, "%s has the credsStore %q again, so docker calls %s only for the registries that credHelpers names; "+
			"some versions of Docker Desktop set it when they start", x.dockerFile.Path, store, helper)}
	case set.IgnoredFallback:
		return nil // the settings check reports it
	case set.Fallback == "":
		return []Check{check(title, OK, nil, "docker calls %s for all; those that are not ECR use the logins in %s", helper, x.dockerFile.Path)}
	}
	found, err := fallback.Find(x.Env, set.Fallback)
	if err != nil {
		cause, next := splitError(err)
		return []Check{check(title, Problem, next, "%s", cause)}
	}
	return []Check{check(title, OK, nil, "docker calls %s for all; %s serves those that are not ECR", helper, found.Path)}
}
