package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/kubelet"
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
	return hint.With(errors.New(`stdin is a request of the kubelet, and get answers Docker: the kubelet's configuration of this program needs args: ["kubelet"]`),
		hint.Command("configure-kubelet", "--dry-run", "/etc/kubernetes/credential-providers"))
}
