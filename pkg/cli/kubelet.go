package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/kubelet"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

const (
	kubeletCommand = "kubelet"
	// providerArg is an argument that many configurations pass to the reference provider.
	providerArg = "get-credentials"

	maxRequest = 1 << 20 // bytes; enough for a token and all annotations of a service account
)

// newKubelet returns the command `kubelet`, the image credential provider.
func newKubelet(a app) *cobra.Command {
	var cacheDir string
	cmd := &cobra.Command{
		Use:   kubeletCommand,
		Short: "Serve the kubelet as an image credential provider",
		Long: `Reads a CredentialProviderRequest from stdin and prints the
CredentialProviderResponse with the login for the image's registry. The kubelet
runs it; configure-kubelet writes the configuration.

It uses the same credentials as get, usually the node's. If the request has a
service account token, it assumes the role in the annotation
eks.amazonaws.com/ecr-role-arn or, without one, in AWS_ECR_ROLE_ARN.

Failed and throttled calls are retried for up to 45 seconds. It never prompts or
opens a browser. If the program is named ecr-credential-provider, it runs this
command, and accepts that provider's flags and its get-credentials argument.`,
		Example: "  cat request.json | " + name + " kubelet --cache-dir /tmp/ecr",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == providerArg {
				return nil
			}
			return exactArgs()(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := answerKubelet(cmd.Context(), a, cacheDir); err != nil {
				_, _ = io.WriteString(a.streams.err, hint.Line(err)+"\n") // the kubelet logs only one line
				return exitStatus(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&cacheDir, "cache-dir", "", "directory for cached logins (default for root without HOME: /var/cache/docker-credential-ecr-sso)")
	ignoreFlags(cmd.Flags())
	return cmd
}

// ignoreFlags accepts the logging flags of the reference provider.
func ignoreFlags(f *pflag.FlagSet) {
	f.StringP("v", "v", "0", "ignored")
	for _, flag := range []string{"log-backtrace-at", "log-dir", "log-file", "log-file-max-size", "log-flush-frequency",
		"logging-format", "stderrthreshold", "vmodule"} {
		f.String(flag, "", "ignored")
	}
	for _, flag := range []string{"add-dir-header", "alsologtostderr", "logtostderr", "one-output", "skip-headers", "skip-log-headers"} {
		f.Bool(flag, false, "ignored")
	}
	f.VisitAll(func(flag *pflag.Flag) { flag.Hidden = flag.Usage == "ignored" })
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
}

// answerKubelet handles one request. It writes nothing until the response is complete.
func answerKubelet(ctx context.Context, a app, cacheDir string) error {
	ctx, cancel := context.WithTimeout(ctx, kubelet.Limit)
	defer cancel()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	data, err := readAll(ctx, a.streams.in, maxRequest, stdinTimeout)
	if err != nil {
		return err
	}
	request, err := kubelet.Parse(data)
	if err != nil {
		return err
	}
	if cacheDir != "" && !filepath.IsAbs(cacheDir) {
		return fmt.Errorf("--cache-dir %s is not an absolute path", cacheDir)
	}
	answer, err := kubelet.Answer(ctx, request, kubelet.Options{
		Env: kubelet.CacheDir(a.env, cacheDir), Logger: a.log, UserAgent: userAgent(), Warn: a.streams.warn,
	})
	if err != nil {
		return err
	}
	if closedAtStart(a.streams.out) {
		return fmt.Errorf("stdout: %w", os.ErrClosed)
	}
	return a.answer(answer)
}

// errKubeletRequest is the error of a get that received a kubelet request on stdin.
func errKubeletRequest() error {
	return hint.With(errors.New(`stdin is a kubelet request, but get is for Docker: the kubelet's configuration of this program needs args: ["kubelet"]`),
		hint.Command("configure-kubelet", "--dry-run", "/etc/kubernetes/credential-providers"))
}

// newConfigureKubelet returns the command `configure-kubelet DIR`.
func newConfigureKubelet(a app) *cobra.Command {
	var setup kubelet.Setup
	cmd := &cobra.Command{
		Use:   "configure-kubelet DIR",
		Short: "Configure the kubelet to call this program for ECR images",
		Long: `Writes docker-credential-ecr-sso.yaml, a CredentialProviderConfig for all ECR
hosts, to DIR and prints the two flags that the kubelet needs. If DIR contains
another provider for ECR, or a file of this name that this command did not
write, it fails unless --overwrite is set.`,
		Example: "  " + name + " configure-kubelet /etc/kubernetes/ecr\n" +
			"  " + name + " configure-kubelet --service-accounts /etc/kubernetes\n" +
			"  " + name + " configure-kubelet --env AWS_PROFILE=node \\\n" +
			"      --env AWS_CONFIG_FILE=/etc/aws/config /etc/kubernetes/ecr\n" +
			"  " + name + " configure-kubelet --remove /etc/kubernetes/ecr",
		Args: exactArgs("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if setup.Remove && setup.Overwrite {
				return usage(cmd, errors.New("--remove and --overwrite can't be used together"))
			}
			return configureKubelet(a, setup, args[0])
		},
	}
	f := cmd.Flags()
	f.BoolVar(&setup.DryRun, "dry-run", false, "print the file without writing it")
	f.BoolVar(&setup.Remove, "remove", false, "remove the file")
	f.BoolVar(&setup.Overwrite, "overwrite", false, "replace a file that this command did not write, and ignore other providers for ECR")
	f.BoolVar(&setup.Accounts, "service-accounts", false, "use each pod's service account token, so that pods can have their own roles")
	f.StringVar(&setup.CacheDir, "cache-dir", kubelet.NodeCacheDir(), "directory for cached logins on the node")
	f.StringArrayVar(&setup.Env, "env", nil, "environment variable NAME=VALUE for the program; can be repeated")
	return cmd
}

func configureKubelet(a app, setup kubelet.Setup, dir string) (err error) {
	if setup.Dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if setup.Program, err = os.Executable(); err != nil {
		return err
	}
	if setup.CacheDir != "" && !filepath.IsAbs(setup.CacheDir) {
		return fmt.Errorf("--cache-dir %s is not an absolute path", setup.CacheDir)
	}
	own, err := settings.LoadFor(a.env)
	if err != nil {
		return err
	}
	setup.Aliases = slices.Sorted(maps.Keys(own.Aliases))
	done, err := kubelet.Configure(setup)
	if conflict, ok := errors.AsType[*kubelet.ConflictError](err); ok {
		next := overwriteCommand(setup)
		if setup.Remove {
			next = hint.RemoveCommand(conflict.Path)
		}
		return hint.With(err, next)
	}
	if err != nil {
		return err
	}
	r := a.lines()
	r.kubelet(done, setup)
	return a.answer(r.Bytes())
}

// overwriteCommand returns this command with the flag that overrides a conflict.
func overwriteCommand(setup kubelet.Setup) string {
	words := []string{"configure-kubelet", "--overwrite"}
	if setup.DryRun {
		words = append(words, "--dry-run")
	}
	if setup.Accounts {
		words = append(words, "--service-accounts")
	}
	if setup.CacheDir != kubelet.NodeCacheDir() {
		words = append(words, "--cache-dir", setup.CacheDir)
	}
	for _, variable := range setup.Env {
		words = append(words, "--env", variable)
	}
	return hint.Command(append(words, setup.Dir)...)
}

// kubelet reports the change and prints the kubelet's flags.
func (r *report) kubelet(done kubelet.SetupReport, setup kubelet.Setup) {
	line := func(format string, args ...any) { r.line("", format, args...) }
	switch {
	case setup.DryRun && setup.Remove && done.Changed:
		line("%s would be removed", done.Path)
	case setup.DryRun && done.Changed:
		line("%s would be:", done.Path)
		r.WriteString("\n" + done.Text + "\n")
	case setup.DryRun:
		line("%s would not change", done.Path)
	case setup.Remove && done.Changed:
		line("%s removed", done.Path)
	case done.Changed:
		line("%s updated", done.Path)
	case setup.Remove:
		line("%s does not exist", done.Path)
	default:
		line("No changes in %s", done.Path)
	}
	if setup.Remove {
		return
	}
	line("The kubelet needs these flags:")
	r.line(step, "--image-credential-provider-config=%s", done.Path)
	r.line(step, "--image-credential-provider-bin-dir=%s", filepath.Dir(setup.Program))
}
