package configure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// DockerInput is the input of Docker.
type DockerInput struct {
	Env env.Set
	// Hosts are registries in any form that registry.Parse accepts, or aliases. If empty,
	// they are the registries of all SSO profiles and all aliases, or with Remove, all
	// entries of this helper.
	Hosts []string
	// Config reads the AWS configuration. It is called only if Hosts is empty.
	Config func() (*awsconfig.Config, error)

	Podman    bool // podman's auth.json instead of Docker's config.json
	Overwrite bool // replace entries of other helpers
	Remove    bool // remove entries instead
	DryRun    bool // write nothing

	Fallback string // for AllRegistries: the store for other registries; "": the replaced store
}

// DockerReport describes the changes of Docker or, with DryRun, the changes that it would
// make.
type DockerReport struct {
	dockerconfig.Plan
	Skipped  []Note // profiles without a registry
	Warnings []Note // reasons why clients would not call this helper

	// After all entries were removed: other files that still make clients call this helper,
	// and the helper's own files, which are not removed.
	StillNamed []Note
	Remaining  []string
}

// Note is a message for the user, with the command that fixes the problem, if there is one.
type Note struct{ Text, Next string }

// OtherHelperError means that some registries have entries for other helpers, so nothing
// was written. Its text is short; Conflicts has the details.
type OtherHelperError struct{ *dockerconfig.ConflictError }

func (e *OtherHelperError) Error() string {
	if len(e.Conflicts) == 1 {
		c := e.Conflicts[0]
		return fmt.Sprintf("%s: %s is served by another helper, %q", e.Path, c.Host, c.Helper)
	}
	return fmt.Sprintf("%s: %d registries are served by other helpers", e.Path, len(e.Conflicts))
}

// Unwrap returns the dockerconfig error.
func (e *OtherHelperError) Unwrap() error { return e.ConflictError }

// lockTimeout limits the wait for another configure-docker, which takes milliseconds.
const lockTimeout = 5 * time.Second

// Docker adds registries to Docker's or podman's configuration, so that clients call this
// helper for them, or removes them. If nothing changes, it writes nothing.
//
// It returns *OtherHelperError, registry.ErrNotECR, or an error from package dockerconfig
// or Config. If it returns an error, the file has not changed.
func Docker(ctx context.Context, in DockerInput) (DockerReport, error) {
	file, err := in.load()
	if err != nil {
		return DockerReport{}, err
	}
	path := file.Path
	hosts, skipped, err := in.hosts(file)
	report := DockerReport{Plan: dockerconfig.Plan{Path: path}, Skipped: skipped}
	if err != nil {
		return report, err
	}
	request := dockerconfig.Request{Helper: helper, Remove: hosts}
	var windows []string
	if !in.Remove {
		request = dockerconfig.Request{Helper: helper, Overwrite: in.Overwrite}
		request.Add, windows = withoutWindows(file, hosts)
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
		report.StillNamed, report.Remaining = in.stillNamed(path), in.remaining()
	case !in.Remove:
		report.Unchanged = append(report.Unchanged, windows...)
		report.Warnings = in.warnings(file, hosts)
	}
	return report, nil
}

// withoutWindows separates hosts whose entries name this helper's Windows program, for use
// inside WSL. They need no change and are not a conflict.
func withoutWindows(file *dockerconfig.Config, hosts []string) (rest, windows []string) {
	for _, host := range hosts {
		if file.CredHelpers[host] == helper+".exe" {
			windows = append(windows, host)
		} else {
			rest = append(rest, host)
		}
	}
	return rest, windows
}

// load reads the file to change.
func (in DockerInput) load() (*dockerconfig.Config, error) {
	if err := dockerconfig.CheckPlace(in.Env); err != nil {
		return nil, err
	}
	path := in.path()
	if path == "" {
		_, err := in.Env.FindHome()
		return nil, err
	}
	file, err := dockerconfig.Load(path)
	return file, in.advise(err)
}

func (in DockerInput) path() string {
	if in.Podman {
		return dockerconfig.PodmanPath(in.Env, in.Env.HomeDir())
	}
	return dockerconfig.Path(in.Env, in.Env.HomeDir())
}

func (in DockerInput) apply(ctx context.Context, path string, r dockerconfig.Request) (dockerconfig.Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	lock := tokencache.Open(in.Env.CacheDir(), time.Now).LockPath("docker", path)
	return dockerconfig.Apply(ctx, path, lock, r)
}

// advise adds the command that continues after an error, if there is one.
func (in DockerInput) advise(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*dockerconfig.ConflictError](err); ok {
		taken := &OtherHelperError{e}
		if in.Remove {
			return taken // entries of other helpers are not removed
		}
		return hint.With(taken, in.command("--overwrite"))
	}
	if errors.Is(err, dockerconfig.ErrBadName) || errors.Is(err, dockerconfig.ErrBusy) {
		return err
	}
	if len(hint.Next(err)) > 0 {
		return err // it already has a command
	}
	return hint.With(err, hint.DoctorCommand(""))
}

// command returns the user's command with an additional flag.
func (in DockerInput) command(flag string) string {
	var args []string
	if in.Podman {
		args = append(args, "--podman")
	}
	return hint.ConfigureDockerCommand(append(append(args, flag), in.Hosts...)...)
}

// hosts returns the registries to add or remove, without duplicates, and notes about
// profiles without a registry.
func (in DockerInput) hosts(file *dockerconfig.Config) (hosts []string, skipped []Note, err error) {
	switch {
	case len(in.Hosts) > 0:
		hosts, err = in.parseHosts(file)
	case in.Remove:
		for _, host := range slices.Sorted(maps.Keys(file.CredHelpers)) {
			if dockerconfig.IsHelper(file.CredHelpers[host]) {
				hosts = append(hosts, host)
			}
		}
	default:
		var config *awsconfig.Config
		if config, err = in.Config(); err != nil {
			return nil, nil, hint.With(err, hint.DoctorCommand(""))
		}
		hosts, skipped = profileRegistries(config)
		if set, err := settings.LoadFor(in.Env); err == nil {
			hosts = append(hosts, slices.Sorted(maps.Keys(set.Aliases))...)
		}
		if len(hosts) == 0 && config.Paths.Config == "" {
			_, err = in.Env.FindHome()
		} else if len(hosts) == 0 {
			err = hint.With(fmt.Errorf("%s has no SSO profile with a region, so there is no registry to add", config.Paths.Config),
				hint.ConfigureCommand(""))
		}
	}
	return unique(hosts), skipped, err
}

// parseHosts parses the hosts on the command line. With Remove, it accepts all keys in the
// file, so that entries that are not registries can be removed.
func (in DockerInput) parseHosts(file *dockerconfig.Config) ([]string, error) {
	set, err := settings.LoadFor(in.Env)
	if err != nil {
		set = settings.Settings{} // the error only matters for aliases, which are then not registries
	}
	var hosts []string
	for _, arg := range in.Hosts {
		if _, there := file.CredHelpers[arg]; in.Remove && there {
			hosts = append(hosts, arg)
			continue
		}
		reg, alias, err := set.Registry(arg)
		if err != nil {
			next := hint.ConfigureDockerCommand() // the registries of the profiles
			if in.Remove {
				next = hint.StatusCommand()
			}
			return nil, hint.With(fmt.Errorf("%q is %w", arg, err), next)
		}
		hosts = append(hosts, cmp.Or(alias, reg.Host))
	}
	return hosts, nil
}

// profileRegistries returns the registry of each SSO profile's account and region in file
// order, followed by those of `aws login` profiles.
func profileRegistries(config *awsconfig.Config) (hosts []string, skipped []Note) {
	for _, p := range config.Profiles {
		s, ok, err := config.SSO(p.Name)
		if err != nil {
			skipped = append(skipped, Note{err.Error(), hint.ConfigureCommand(p.Name)})
		}
		if !ok {
			continue
		}
		if s.Region == "" {
			// The command asks for the region.
			skipped = append(skipped, Note{fmt.Sprintf("profile %q has no region", p.Name), hint.ConfigureCommand(p.Name)})
			continue
		}
		reg, err := registry.ForAccount(s.Account, s.Region)
		if err != nil {
			skipped = append(skipped, Note{fmt.Sprintf("profile %q: account %q in region %q has no ECR registry",
				p.Name, s.Account, s.Region), ""})
			continue
		}
		hosts = append(hosts, reg.Host)
	}
	for _, p := range config.LoginProfiles() {
		reg, err := registry.ForAccount(p.Account, p.Region)
		if err != nil {
			skipped = append(skipped, Note{fmt.Sprintf("profile %q of `aws login`: account %q in region %q has no ECR registry",
				p.Profile, p.Account, p.Region), ""})
			continue
		}
		hosts = append(hosts, reg.Host)
	}
	return hosts, skipped
}

func unique(hosts []string) []string {
	var out []string
	for _, host := range hosts {
		if !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}

// warnings lists the reasons why clients would not call this helper for the hosts.
func (in DockerInput) warnings(file *dockerconfig.Config, hosts []string) []Note {
	var notes []Note
	if _, err := programs.Find(in.Env, hint.Program); err != nil {
		notes = append(notes, Note{hint.Program + " is not on PATH, where docker looks for it", hint.DoctorCommand("")})
	}
	for _, key := range dockerconfig.AuthConfigHosts(in.Env) {
		if isHostOf(key, hosts) {
			notes = append(notes, Note{fmt.Sprintf("%s has a login for %s, which docker 28.3 and newer uses instead of %s",
				env.DockerAuthConfig.Name(), key, helper), hint.UnsetCommand(env.DockerAuthConfig.Name())})
		}
	}
	client := "docker"
	if in.Podman {
		client = "podman"
	}
	for _, key := range file.AuthHosts {
		if isHostOf(key, hosts) {
			notes = append(notes, Note{file.Leftover(key), hint.LogoutCommand(client, key)})
		}
	}
	return notes
}

// isHostOf reports whether a key in auths is one of the hosts.
func isHostOf(key string, hosts []string) bool {
	reg, err := registry.Parse(key)
	return err == nil && slices.Contains(hosts, reg.Host)
}

// stillNamed lists the other files that still make a client call this helper after a
// removal from one file, each with the command that changes it.
func (in DockerInput) stillNamed(removed string) (notes []Note) {
	home := in.Env.HomeDir()
	docker := dockerconfig.Path(in.Env, home)
	for _, path := range dockerconfig.Paths(in.Env, home) {
		file, err := dockerconfig.Load(path)
		if err != nil {
			continue
		}
		hosts, strange := file.Served(nil)
		if n := len(hosts) + len(strange); n > 0 && path != removed {
			notes = append(notes, Note{fmt.Sprintf("%s still names %s (%d in credHelpers)", path, helper, n), in.removal(path, docker)})
		}
		if dockerconfig.IsHelper(file.CredsStore) && path != removed {
			note := Note{fmt.Sprintf("%s still has %s as credsStore", path, helper), ""}
			if path == docker {
				note.Next = hint.ConfigureDockerCommand("--all-registries", "--remove")
			} else {
				note.Text += "; remove that line"
			}
			notes = append(notes, note)
		}
	}
	if path := dockerconfig.RegistriesConf(in.Env, home); path != "" {
		note := Note{fmt.Sprintf("%s still names %s in credential-helpers", path, helper), ""}
		if own, err := dockerconfig.PlanNoDropIn(in.Env, home); err == nil && own.Path == path {
			note.Next = hint.ConfigureDockerCommand("--podman", "--all-registries", "--remove")
		} else {
			note.Text += "; remove it there"
		}
		notes = append(notes, note)
	}
	return notes
}

// removal returns the command that removes a file's entries, or "" for a file that
// configure-docker does not change.
func (in DockerInput) removal(path, docker string) string {
	switch path {
	case docker:
		return hint.ConfigureDockerCommand("--remove")
	case dockerconfig.PodmanPath(in.Env, in.Env.HomeDir()):
		return hint.ConfigureDockerCommand("--podman", "--remove")
	}
	return ""
}

// remaining lists the settings and the cached logins, which a removal does not change.
func (in DockerInput) remaining() (paths []string) {
	for _, path := range []string{settings.Path(in.Env), in.Env.CacheDir()} {
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}
