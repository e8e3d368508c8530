package configure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// DockerInput is what Docker works with.
type DockerInput struct {
	Env env.Set
	// Hosts are registries in any form that registry.Parse reads. Without any,
	// those of every SSO profile are meant, or with Remove every entry of ours.
	Hosts []string
	// Config reads the AWS configuration; called only when the profiles are meant.
	Config func() (*awsconfig.Config, error)

	Podman    bool // podman's auth.json instead of Docker's config.json
	Overwrite bool // take registries over from other helpers
	Remove    bool // take entries out instead
	DryRun    bool // plan, write nothing
}

// DockerReport is what Docker did, or with DryRun would do.
type DockerReport struct {
	dockerconfig.Plan
	Skipped  []Note // profiles without a registry
	Warnings []Note // what would keep clients from asking us

	// After the removal of every entry: files that still make clients ask us, and files of ours that stay.
	Left  []Note
	Stays []string
}

// Note is a sentence for the person, with the command that helps, if any.
type Note struct{ Text, Next string }

// TakenError tells that other helpers serve some of the registries. Nothing was
// written. Its text is short: Conflicts has the list.
type TakenError struct{ *dockerconfig.ConflictError }

func (e *TakenError) Error() string {
	if len(e.Conflicts) == 1 {
		c := e.Conflicts[0]
		return fmt.Sprintf("%s: %s is served by another helper, %q", e.Path, c.Host, c.Helper)
	}
	return fmt.Sprintf("%s: %d registries are served by other helpers", e.Path, len(e.Conflicts))
}

// Unwrap returns the conflicts as dockerconfig tells them.
func (e *TakenError) Unwrap() error { return e.ConflictError }

// lockWait bounds the wait for another configure-docker, which takes
// milliseconds.
const lockWait = 5 * time.Second

// Docker enters registries in Docker's or podman's configuration, so that
// clients ask this helper about them, or takes them out again. Entries that are
// as they should be stay; with nothing to change nothing is written.
//
// Errors: *TakenError, registry.ErrNotECR, and those of package dockerconfig and
// of Config; after any of them the file is as it was.
func Docker(ctx context.Context, in DockerInput) (DockerReport, error) {
	if err := dockerconfig.CheckPlace(in.Env); err != nil {
		return DockerReport{}, err
	}
	path := in.path()
	if path == "" {
		return DockerReport{}, errors.New("no place for Docker's configuration: there is no home directory")
	}
	file, err := dockerconfig.Load(path)
	if err != nil {
		return DockerReport{}, in.advise(err)
	}
	hosts, skipped, err := in.hosts(file)
	report := DockerReport{Plan: dockerconfig.Plan{Path: path}, Skipped: skipped}
	if err != nil {
		return report, err
	}
	request := dockerconfig.Request{Helper: helper, Remove: hosts}
	var windows []string
	if !in.Remove {
		request = dockerconfig.Request{Helper: helper, Overwrite: in.Overwrite}
		request.Add, windows = apart(file, hosts)
	}
	if in.DryRun {
		report.Plan, err = file.Plan(request)
	} else {
		report.Plan, err = in.apply(ctx, path, request)
	}
	if err != nil {
		return report, in.advise(err)
	}
	switch {
	case in.Remove && len(in.Hosts) == 0:
		report.Left, report.Stays = in.left(path), in.stays()
	case !in.Remove:
		report.Unchanged = append(report.Unchanged, windows...)
		report.Warnings = in.warnings(file, hosts)
	}
	return report, nil
}

// apart takes out the hosts that this helper's Windows program serves from
// inside WSL: they need no entry, and are no conflict either.
func apart(file *dockerconfig.Config, hosts []string) (rest, windows []string) {
	for _, host := range hosts {
		if file.CredHelpers[host] == helper+".exe" {
			windows = append(windows, host)
		} else {
			rest = append(rest, host)
		}
	}
	return rest, windows
}

func (in DockerInput) path() string {
	if in.Podman {
		return dockerconfig.PodmanPath(in.Env, in.Env.HomeDir())
	}
	return dockerconfig.Path(in.Env, in.Env.HomeDir())
}

func (in DockerInput) apply(ctx context.Context, path string, r dockerconfig.Request) (dockerconfig.Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := tokencache.Open(in.Env.CacheDir(), time.Now).LockPath("docker", path)
	return dockerconfig.Apply(ctx, path, lock, r)
}

// advise adds the command that goes on from an error.
func (in DockerInput) advise(err error) error {
	if e, ok := errors.AsType[*dockerconfig.ConflictError](err); ok {
		taken := &TakenError{e}
		if in.Remove {
			return taken // another helper's entry is not ours to remove
		}
		return hint.With(taken, in.command("--overwrite"))
	}
	if errors.Is(err, dockerconfig.ErrBadName) || errors.Is(err, dockerconfig.ErrBusy) {
		return err
	}
	if len(hint.Next(err)) > 0 {
		return err // it knows the command itself
	}
	return hint.With(err, hint.DoctorCommand(""))
}

// command is what the person asked for, with one flag more.
func (in DockerInput) command(flag string) string {
	var args []string
	if in.Podman {
		args = append(args, "--podman")
	}
	return hint.ConfigureDockerCommand(append(append(args, flag), in.Hosts...)...)
}
