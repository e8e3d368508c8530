// Package doctor owns the looking: what stands where on this machine and in
// which state it is (Status), and whether a login for a registry would work and
// if not at which step and what mends it (Doctor).
//
// It changes nothing (but for a session's token, renewed because that was to be
// tried), starts no program but the keychain that the settings ask for and the service manager
// of a desktop, and puts no
// secret into its findings, which are fit for a public bug report; account ids and
// start URLs are in them. It may import floors 0 to 3, and credhelper of its own
// floor 4, since it checks what a get would do. The doctor and status commands call
// it.
package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	helper = dockerconfig.Helper

	// patience bounds all that asks the network.
	patience = 10 * time.Second
)

// Verdict is what a check found.
type Verdict string

// The verdicts. A warning does not keep a login from working now.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning"
	Problem Verdict = "problem"
	Skipped Verdict = "skipped"
)

// Check is one thing that was looked at. Its texts are clean for a terminal.
type Check struct {
	Name    string   `json:"name"`
	Verdict Verdict  `json:"verdict"`
	Detail  string   `json:"detail"`
	Next    []string `json:"next,omitempty"` // commands that help, likeliest first
}

// Report is what Run found.
type Report struct {
	Version  string  `json:"version"`
	Platform string  `json:"platform"`
	Host     string  `json:"host,omitempty"`
	Problems int     `json:"problems"`
	Warnings int     `json:"warnings"`
	Checks   []Check `json:"checks"`
}

// Doctor looks at a machine.
type Doctor struct {
	Env       env.Set
	Helper    *credhelper.Helper // made with the same Env
	Now       func() time.Time
	Self      string // path of the running hint.Program, "" when unknown
	Version   string
	UserAgent string
	Log       *slog.Logger // receives a line for each call; nil: no log
}

// Run makes all checks: those of the machine, and for a host those of a login to
// it. Without a host each ECR registry of Docker's configuration is looked at
// offline. It asks the network for 10 seconds at the most. The error is
// registry.ErrNotECR for a host that is no ECR registry.
func (d *Doctor) Run(ctx context.Context, host string) (Report, error) {
	x := &examination{Doctor: d, home: d.Env.HomeDir()}
	if host != "" {
		reg, err := registry.Parse(host)
		if err != nil {
			return Report{}, err
		}
		x.reg, x.host = reg, reg.Host
	}
	x.load()
	checks := slices.Concat(x.directories(),
		[]Check{x.onPath()}, x.desktop(ctx), []Check{x.docker(), x.podman(), x.logins(), x.settings()}, x.keychain(ctx),
		[]Check{x.awsFiles(), x.environment(), x.modes()})
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if host != "" {
		checks = append(checks, x.login(ctx)...)
	} else {
		checks = append(checks, x.registries()...)
		checks = append(checks, x.sessions(ctx)...)
	}
	return x.report(checks), nil
}

func (x *examination) report(checks []Check) Report {
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

// examination is one Run: what several checks look at, read once.
type examination struct {
	*Doctor
	home string
	reg  registry.Registry // zero without a host
	host string

	dockerFile *dockerconfig.Config
	dockerErr  error
	podmanFile []podmanFile

	registriesConf string // the file that sends every registry of podman's to us, or ""

	config    *awsconfig.Config
	configErr error
}

func (x *examination) load() {
	if x.dockerErr = dockerconfig.CheckPlace(x.Env); x.dockerErr == nil {
		x.dockerFile, x.dockerErr = loadDocker(dockerconfig.Path(x.Env, x.home))
	}
	x.registriesConf = dockerconfig.RegistriesConf(x.home)
	x.loadPodman()
	paths := awsconfig.DefaultPaths(x.Env, x.home)
	if x.config, x.configErr = awsconfig.Load(paths); x.configErr != nil {
		x.config, _, _ = awsconfig.LoadReadable(paths) // what a get goes on with
	}
}

func loadDocker(path string) (*dockerconfig.Config, error) {
	if path == "" {
		return nil, fmt.Errorf("no home directory and no %s", env.DockerConfig.Name())
	}
	return dockerconfig.Load(path)
}

// check builds a Check.
func check(name string, v Verdict, next []string, format string, args ...any) Check {
	return Check{Name: name, Verdict: v, Detail: fmt.Sprintf(format, args...), Next: next}
}
