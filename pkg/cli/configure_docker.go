package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/configure"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// newConfigureDocker is `configure-docker [HOST...]`. It sets the registries for which
// Docker calls this helper.
func newConfigureDocker(a app) *cobra.Command {
	in := configure.DockerInput{Env: a.env, Config: a.config}
	cmd := &cobra.Command{
		Use:   "configure-docker [HOST...]",
		Short: "Have Docker ask this helper about registries",
		Long: `Adds the registries to credHelpers in Docker's config.json (DOCKER_CONFIG is
honoured); everything else in the file stays as it is. Without HOST: the registry
of every SSO profile's account and region, or with --remove every entry of this
helper. A registry that another helper serves stops it, unless --overwrite is
given.`,
		Example: "  " + name + " configure-docker\n" +
			"  " + name + " configure-docker --dry-run 123456789012.dkr.ecr.us-east-1.amazonaws.com\n" +
			"  " + name + " configure-docker --remove",
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.Remove && in.Overwrite {
				return usage(cmd, errors.New("--remove and --overwrite exclude each other"))
			}
			in.Hosts = args
			return configureDocker(cmd.Context(), a, in)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&in.Overwrite, "overwrite", false, "take registries over from other helpers")
	f.BoolVar(&in.Remove, "remove", false, "take entries of this helper out again")
	f.BoolVar(&in.DryRun, "dry-run", false, "show what would change, and change nothing")
	f.BoolVar(&in.Podman, "podman", false, "change podman's auth.json instead of Docker's config.json")
	return cmd
}

func configureDocker(ctx context.Context, a app, in configure.DockerInput) error {
	report, err := configure.Docker(ctx, in)
	say := func(kind string, notes []configure.Note) {
		for _, n := range notes {
			if n.Next != "" {
				n.Text += "; run: " + n.Next
			}
			_, _ = fmt.Fprintf(a.streams.err, "%s: %s\n", kind, hint.Clean(n.Text, maxSaid))
		}
	}
	say("skipped", report.Skipped)
	if err != nil {
		if taken, ok := errors.AsType[*configure.OtherHelperError](err); ok && len(taken.Conflicts) > 1 {
			for _, c := range taken.Conflicts {
				_, _ = fmt.Fprintf(a.streams.err, "  %s: %q\n", hint.Clean(c.Host, maxSaid), hint.Clean(c.Helper, maxSaid))
			}
		}
		return err
	}
	text := dockerText(report)
	if in.DryRun {
		text = dryText(report)
	}
	if err := a.answer([]byte(text)); err != nil {
		return err
	}
	say("warning", report.Warnings)
	say("left", report.StillNamed)
	return nil
}

// dockerText reports the changes, one line for each registry, then the file.
func dockerText(r configure.DockerReport) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(hint.Clean(fmt.Sprintf(format, args...), maxSaid) + "\n")
	}
	for _, host := range r.Added {
		line("Added %s", host)
	}
	for _, c := range r.Replaced {
		line("Added %s, which had the helper %q", c.Host, c.Helper)
	}
	for _, host := range r.Removed {
		line("Removed %s", host)
	}
	for _, host := range r.Unchanged {
		line("Unchanged %s", host)
	}
	if r.Changed() {
		line("%s is written", r.Path)
	} else {
		line("%s is as it was", r.Path)
	}
	for _, path := range r.Remaining {
		line("%s stays", path)
	}
	return b.String()
}

// dryText shows the credHelpers entries that would change.
func dryText(r configure.DockerReport) string {
	if !r.Changed() {
		return hint.Clean(r.Path, maxSaid) + " would not change\n"
	}
	return r.Diff()
}
