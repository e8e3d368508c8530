package configure

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/fallback"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// AllReport describes the changes of AllRegistries or, with DryRun, the changes that it
// would make.
type AllReport struct {
	dockerconfig.Plan
	DropIn   *dockerconfig.DropIn // with Podman
	Fallback string               // store for other registries; "": none
	Settings string               // the settings file, if it changes
	Warnings []Note
}

// Changed reports whether any file changes.
func (r AllReport) Changed() bool {
	return r.Plan.Changed() || r.Settings != "" || r.DropIn != nil && r.DropIn.Changed
}

// AllRegistries makes this helper Docker's credsStore, so that ECR registries need no
// entries. The settings record the replaced store, which still serves all other registries.
// With Remove, it restores that store. With Podman, it writes a drop-in file for podman
// instead. If it returns an error, Docker's file has not changed.
func AllRegistries(ctx context.Context, in DockerInput) (AllReport, error) {
	if in.Podman {
		return in.dropIn()
	}
	file, err := in.load()
	if err != nil {
		return AllReport{}, err
	}
	set, err := settings.LoadFor(in.Env)
	switch {
	case err != nil:
	case in.Remove && set.IgnoredFallback:
		err = set.Ignored
	case !in.Remove:
		err = settings.Distrusted(in.Env, "fallback")
	}
	if err != nil {
		return AllReport{}, in.advise(err)
	}
	if in.Remove {
		return in.withoutStore(ctx, file, set)
	}
	return in.withStore(ctx, file, set)
}

// withStore makes this helper the credsStore.
func (in DockerInput) withStore(ctx context.Context, file *dockerconfig.Config, set settings.Settings) (AllReport, error) {
	value, name, before := helper, in.Fallback, file.CredsStore
	if dockerconfig.IsHelper(before) {
		value, before = file.CredsStore, set.Before()
	}
	switch {
	case name != "":
	case before == set.Before(): // also after Docker Desktop has restored its store
		name = cmp.Or(set.Fallback, before)
	default:
		name = before
	}
	r := AllReport{Fallback: name}
	if name != "" {
		if err := settings.CheckFallback(name); err != nil {
			return r, fmt.Errorf("%q: %w", name, err)
		}
		if _, err := fallback.Find(in.Env, name); err != nil {
			return r, err
		}
	}
	var err error
	if r.Plan, err = file.PlanStore(value); err != nil {
		return r, in.advise(err)
	}
	if name != set.Fallback || before != set.Before() {
		r.Settings = settings.Path(in.Env)
	}
	r.Warnings = in.warnings(file, nil)
	if in.DryRun {
		return r, nil
	}
	// Change the settings first: Docker must not call this helper before it knows the
	// store.
	if r.Settings != "" {
		if err := settings.SetFallback(r.Settings, name, before); err != nil {
			return r, err
		}
	}
	return in.applyStore(ctx, r, value)
}

// withoutStore restores the replaced store. If another program has replaced this helper, it
// only removes the setting.
func (in DockerInput) withoutStore(ctx context.Context, file *dockerconfig.Config, set settings.Settings) (AllReport, error) {
	var r AllReport
	value := file.CredsStore
	if dockerconfig.IsHelper(value) {
		value = set.Before()
	}
	var err error
	if r.Plan, err = file.PlanStore(value); err != nil {
		return r, in.advise(err)
	}
	if set.Fallback != "" || set.Replaced != nil {
		r.Settings = settings.Path(in.Env)
	}
	if in.DryRun {
		return r, nil
	}
	if r, err = in.applyStore(ctx, r, value); err == nil && r.Settings != "" {
		err = settings.SetFallback(r.Settings, "", "")
	}
	return r, err
}

func (in DockerInput) applyStore(ctx context.Context, r AllReport, value string) (AllReport, error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	lock := tokencache.Open(in.Env.CacheDir(), time.Now).LockPath("docker", in.path())
	var err error
	if r.Plan, err = dockerconfig.ApplyStore(ctx, in.path(), lock, value); err != nil {
		return r, in.advise(err)
	}
	return r, nil
}

// dropIn writes or removes podman's drop-in file.
func (in DockerInput) dropIn() (AllReport, error) {
	plan := dockerconfig.PlanDropIn
	if in.Remove {
		plan = dockerconfig.PlanNoDropIn
	}
	d, err := plan(in.Env, in.Env.HomeDir())
	r := AllReport{DropIn: &d}
	if err != nil || in.DryRun {
		return r, err
	}
	overruled, err := d.Write()
	if overruled != "" {
		r.Warnings = append(r.Warnings, Note{fmt.Sprintf("%s also sets credential-helpers, and podman uses it instead of %s", overruled, d.Path),
			hint.EditCommand(overruled, in.Env.HomeDir(), 0)})
	}
	return r, err
}
