// Package doctor examines a machine. Status lists sessions and registries without the
// network. Doctor checks whether a login to a registry works. If not, it reports which step
// fails and which command fixes it.
//
// It changes nothing, except that it refreshes the token of a session like a get. It starts
// no program except the keychain program in the settings and, on a desktop, the service
// manager. Its findings contain no secrets and are suitable for a public bug report, but
// they contain account IDs and start URLs. It uses credhelper, because it checks the steps
// of a get.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	helper = dockerconfig.Helper

	// networkTimeout limits all checks that use the network.
	networkTimeout = 10 * time.Second
)

// Verdict is the result of a check.
type Verdict string

// The verdicts. Warning means that a login still works now.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning"
	Problem Verdict = "problem"
	Skipped Verdict = "skipped"
)

// Check is the result of one check. Its texts are safe to print on a terminal.
type Check struct {
	Name    string   `json:"name"`
	Verdict Verdict  `json:"verdict"`
	Detail  string   `json:"detail"`
	Next    []string `json:"next,omitempty"` // commands that may fix it, the most likely first
}

// Report is the result of Run.
type Report struct {
	Version  string  `json:"version"`
	Platform string  `json:"platform"`
	Host     string  `json:"host,omitempty"`
	Problems int     `json:"problems"`
	Warnings int     `json:"warnings"`
	Checks   []Check `json:"checks"`
}

// Doctor checks a machine.
type Doctor struct {
	Env       env.Set
	Helper    *credhelper.Helper // created with the same Env
	Now       func() time.Time
	Self      string // path of the running program; "" if unknown
	Version   string
	UserAgent string
	Log       *slog.Logger // receives a line for each call; nil: no log
}

// Run checks the machine and, if host is not "", a login to it. Without a host, it checks
// each registry in Docker's configuration offline. It uses the network for no more than 10
// seconds. The error is registry.ErrNotECR if host is not an ECR registry.
func (d *Doctor) Run(ctx context.Context, host string) (Report, error) {
	x := &checkup{Doctor: d, home: d.Env.HomeDir()}
	if host != "" {
		reg, alias, err := settings.Settings{Aliases: d.Helper.Aliases()}.Registry(host)
		if err != nil {
			return Report{}, err
		}
		x.reg, x.host = reg, cmp.Or(alias, reg.Host)
	}
	x.load()
	checks := slices.Concat(x.directories(),
		[]Check{x.onPath()}, x.desktop(ctx), []Check{x.docker()}, x.everyRegistry(), []Check{x.podman(), x.logins(), x.settings()}, x.keychain(ctx),
		[]Check{x.awsFiles(), x.environment(), x.modes()})
	ctx, cancel := context.WithTimeout(ctx, networkTimeout)
	defer cancel()
	if host != "" {
		checks = append(checks, x.login(ctx)...)
	} else {
		checks = append(checks, x.registries()...)
		checks = append(checks, x.sessions(ctx)...)
	}
	return x.report(checks), nil
}

func (x *checkup) report(checks []Check) Report {
	r := Report{Version: x.Version, Platform: runtime.GOOS + "/" + runtime.GOARCH, Host: x.host, Checks: checks}
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Detail = hint.Clean(x.tilde(c.Detail), 500)
		for j := range c.Next {
			c.Next[j] = hint.Clean(c.Next[j], 1000)
		}
		switch c.Verdict {
		case Problem:
			r.Problems++
		case Warning:
			r.Warnings++
		}
	}
	return r
}

// checkup is the state of one Run. Files that several checks use are read once.
type checkup struct {
	*Doctor
	home string
	reg  registry.Registry // zero without a host
	host string            // host name of the registry, or the requested alias

	dockerFile *dockerconfig.Config
	dockerErr  error
	podmanFile []podmanFile

	registriesConf string // the file that makes podman call this helper for all registries, or ""

	config    *awsconfig.Config
	configErr error
}

func (x *checkup) load() {
	if x.dockerErr = dockerconfig.CheckPlace(x.Env); x.dockerErr == nil {
		x.dockerFile, x.dockerErr = loadDocker(dockerconfig.Path(x.Env, x.home))
	}
	x.registriesConf = dockerconfig.RegistriesConf(x.Env, x.home)
	x.loadPodman()
	paths := awsconfig.DefaultPaths(x.Env, x.home)
	if x.config, x.configErr = awsconfig.Load(paths); x.configErr != nil {
		x.config, _, _ = awsconfig.LoadReadable(paths) // like a get
	}
}

func loadDocker(path string) (*dockerconfig.Config, error) {
	if path == "" {
		return nil, fmt.Errorf("no home directory and no %s", env.DockerConfig.Name())
	}
	return dockerconfig.Load(path)
}

// check creates a Check.
func check(name string, v Verdict, next []string, format string, args ...any) Check {
	return Check{Name: name, Verdict: v, Detail: fmt.Sprintf(format, args...), Next: next}
}

// firstFew lists the first three names and the number of further names.
func firstFew(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// tilde replaces the home directory in a text with ~, because the directory name does not
// belong in a public report.
func (x *checkup) tilde(text string) string { return tilde(text, x.home) }

func tilde(text, home string) string {
	sep := string(filepath.Separator)
	if home == "" || home == sep {
		return text
	}
	return strings.ReplaceAll(text, home+sep, "~"+sep)
}

// unreadable returns the check for a file that cannot be read, with the commands of its
// error, otherwise with the command that opens the file in an editor.
func (x *checkup) unreadable(title, path string, err error) Check {
	cause, next := splitError(err)
	if len(next) == 0 {
		next = []string{hint.EditCommand(path, x.home, 0)}
	}
	return check(title, Problem, next, "%s", cause)
}

// splitError returns the cause and the commands of an error, except commands that call
// doctor.
func splitError(err error) (cause string, next []string) {
	for _, command := range hint.Next(err) {
		if !strings.HasPrefix(command, hint.DoctorCommand("")) {
			next = append(next, command)
		}
	}
	if e, ok := errors.AsType[*hint.Error](err); ok {
		return awsclient.Quiet(e.Err), next
	}
	return awsclient.Quiet(err), next
}

// configure returns the command that creates or completes a profile. For "", the command
// prompts for the name.
func configure(profile string) []string { return []string{hint.ConfigureCommand(profile)} }

// configureDocker returns the command that changes Docker's configuration. flags or host
// may be "". Without a host, the command changes the entries for the registries of all SSO
// profiles.
func configureDocker(flags, host string) []string {
	args := strings.Fields(flags)
	if host != "" {
		args = append(args, host)
	}
	return []string{hint.ConfigureDockerCommand(args...)}
}

const (
	overwrite       = "--overwrite"
	remove          = "--remove"
	podman          = "--podman"
	podmanOverwrite = podman + " " + overwrite
)
