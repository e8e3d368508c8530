// Package cli is the command line of docker-credential-ecr-sso: the helper protocol on
// stdin and stdout, the cobra commands, and all terminal output. No other package writes to
// the terminal. It makes no decisions about registries, profiles or tokens.
package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// endOnPanic makes a panic in a goroutine exit the process with one error line. run
// recovers a panic in the main goroutine.
func endOnPanic(s streams) {
	crash.Handle(func(value any) { os.Exit(s.fail(internalError(value))) })
}

// Main runs the command line of this process and exits with its status.
func Main() {
	harden()
	e := env.FromOS()
	std := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: e}
	endOnPanic(std)
	ctx, stop := untilSignal()
	code := run(ctx, asProvider(os.Args), std, e)
	stop()
	os.Exit(code)
}

// providerName is the name of the kubelet's reference provider. A program with this name
// runs the kubelet command, so that existing node configurations work unchanged.
const providerName = "ecr-credential-provider"

// asProvider returns the arguments of this process. If the program has the reference
// provider's name, they are those of the kubelet command.
func asProvider(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if program := filepath.Base(argv[0]); strings.TrimSuffix(program, ".exe") == providerName {
		return append([]string{kubeletCommand}, argv[1:]...)
	}
	return argv[1:]
}

// Exit statuses. Docker only distinguishes zero from nonzero. The helper's own commands
// also report incorrect usage. Shells expect 128 + n for signal n.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128
)

// run executes a command line and returns the exit status. A single argument that is a
// protocol verb does not use cobra.
func run(ctx context.Context, args []string, s streams, e env.Set) (code int) {
	defer func() {
		if p := recover(); p != nil {
			code = s.fail(internalError(p))
		}
	}()
	if len(args) == 1 && isVerb(args[0]) {
		code = serve(ctx, args[0], s, e)
	} else {
		code = command(ctx, args, s, e)
	}
	if sig, ok := errors.AsType[signalled](context.Cause(ctx)); ok {
		return exitSignal + int(sig.Signal)
	}
	return code
}

// isVerb reports whether word is a verb of the credential helper protocol
// (https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol).
func isVerb(word string) bool {
	switch word {
	case credentials.ActionGet, credentials.ActionStore, credentials.ActionErase,
		credentials.ActionList, credentials.ActionVersion:
		return true
	}
	return false
}

// signalled is the cancellation cause of a context that ended because of a signal.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return "signal: " + s.Signal.String() }

// Is makes errors.Is treat a signal as context.Canceled.
func (s signalled) Is(target error) bool { return target == context.Canceled }

// untilSignal returns a context that ends at the first SIGINT, SIGTERM or SIGHUP. A second
// signal has its default effect: it kills the process.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := make(chan os.Signal, 1)
	var caught []os.Signal
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) { // signals that the parent ignores (nohup) stay ignored
			signal.Notify(c, sig)
			caught = append(caught, sig)
		}
	}
	crash.Go(func() {
		if sig, ok := (<-c).(syscall.Signal); ok {
			// Not SIGPIPE: after Ctrl-C, a client may have closed stdout, but the reason
			// must still appear on stderr.
			signal.Reset(caught...)
			cancel(signalled{sig})
		}
	})
	return ctx, func() { signal.Stop(c) }
}

// internalError describes a panic by its source location. It never prints the panic value,
// which may contain a secret.
func internalError(p any) error {
	where := "unknown place"
	ours := regexp.MustCompile(`/(main|crash)\.go:`) // skip the frames of the panic handlers
	for _, line := range strings.Split(string(debug.Stack()), "\n") {
		if strings.HasPrefix(line, "\t") && strings.Contains(line, "docker-credential-ecr-sso/") && !ours.MatchString(line) {
			where, _, _ = strings.Cut(strings.TrimSpace(line), " ")
			break
		}
	}
	kind := "panic"
	if _, ok := p.(runtime.Error); ok {
		kind = "runtime error"
	}
	return fmt.Errorf("internal error, please report it: %s at %s", kind, where)
}

const modulePath = "github.com/ecr-sso/docker-credential-ecr-sso"

// Set by the linker for releases (.goreleaser.yaml): -ldflags "-X
// github.com/ecr-sso/docker-credential-ecr-sso/pkg/cli.release=0.1.0 ...".
var release, commit, date string

// build describes the build of this program. Unknown fields are empty; Version always has a
// value.
type build struct {
	Version  string `json:"version"`          // 0.1.0, or a pseudo-version, or devel
	Commit   string `json:"commit,omitempty"` // full hash, with +dirty after local changes
	Date     string `json:"date,omitempty"`   // commit date, RFC 3339
	Go       string `json:"go"`
	Platform string `json:"platform"` // GOOS/GOARCH
}

// thisBuild describes the running program.
func thisBuild() build {
	info, _ := debug.ReadBuildInfo()
	b := buildFrom(info)
	b.Go, b.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
	return b
}

// buildFrom uses the values set by the linker. Without them, it uses the information
// recorded by the Go toolchain: the module version for `go install ...@v0.1.0`, or the
// commit for a build in a git checkout. info may be nil.
func buildFrom(info *debug.BuildInfo) build {
	b := build{Version: release, Commit: commit, Date: date}
	if info == nil {
		info = &debug.BuildInfo{}
	}
	if v := info.Main.Version; v != "(devel)" {
		b.Version = cmp.Or(b.Version, strings.TrimPrefix(v, "v"))
	}
	b.Version = cmp.Or(b.Version, "devel")
	if b.Commit != "" {
		return b
	}
	vcs := map[string]string{}
	for _, s := range info.Settings {
		vcs[s.Key] = s.Value
	}
	b.Commit, b.Date = vcs["vcs.revision"], cmp.Or(b.Date, vcs["vcs.time"])
	if vcs["vcs.modified"] == "true" {
		b.Commit += "+dirty"
	}
	return b
}

func version() string { return thisBuild().Version }

// versionLine returns "NAME (PACKAGE) VERSION", the format of docker-credential-helpers.
func versionLine() string {
	credentials.Name, credentials.Package, credentials.Version = name, modulePath, version()
	return fmt.Sprintf("%s (%s) %s\n", name, modulePath, version())
}

func userAgent() string { return name + "/" + version() }

// newVersion returns the command `version`. Without a flag, it is a protocol verb that
// prints one line. With a flag, it is one of our commands.
func newVersion(a app) *cobra.Command {
	var long, asJSON bool
	cmd := &cobra.Command{
		Use:   credentials.ActionVersion,
		Short: "Print the version",
		Long: `Prints the version on one line, like all credential helpers. With --long or
--json, it also prints the commit, the commit date and the Go version.`,
		Example: "  " + name + " version\n  " + name + " version --long",
		Args:    exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			text := []byte(versionLine())
			switch {
			case asJSON:
				var err error
				if text, err = indented(thisBuild()); err != nil {
					return err
				}
			case long:
				text = thisBuild().text()
			}
			return a.answer(text)
		},
	}
	cmd.Flags().BoolVar(&long, "long", false, "also print the commit, date, Go version and platform")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all details as JSON")
	return cmd
}

// text formats the build for a bug report.
func (b build) text() []byte {
	var out bytes.Buffer
	for _, row := range [...][2]string{
		{"version", b.Version}, {"commit", b.Commit}, {"date", b.Date}, {"go", b.Go}, {"platform", b.Platform},
	} {
		fmt.Fprintf(&out, "%-9s %s\n", row[0], cmp.Or(row[1], "unknown"))
	}
	return out.Bytes()
}
