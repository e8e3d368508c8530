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
	var all bool
	cmd := &cobra.Command{
		Use:   "configure-docker {[HOST...] | --all-registries}",
		Short: "Register this helper in Docker's config",
		Long: `Adds the registries to credHelpers in Docker's config.json (of DOCKER_CONFIG, if
that is set) and changes nothing else in the file. Without HOST, it adds the
registry of every SSO profile's account and region, or with --remove it removes
every entry of this helper. If another helper is set for a registry, nothing is
changed, unless --overwrite is given.

With --all-registries, Docker calls this helper for every registry (credsStore),
so that every ECR registry works without an entry. The store that Docker used
before, or the one that --fallback names, serves all other registries. --remove
restores the file.`,
		Example: "  " + name + " configure-docker\n" +
			"  " + name + " configure-docker --dry-run public.ecr.aws\n" +
			"  " + name + " configure-docker --podman\n" +
			"  " + name + " configure-docker --all-registries\n" +
			"  " + name + " configure-docker --remove",
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.Remove && in.Overwrite {
				return usage(cmd, errors.New("--remove and --overwrite can't be used together"))
			}
			switch {
			case all && len(args) > 0:
				return usage(cmd, fmt.Errorf("--all-registries takes no HOST, but there is %q", args[0]))
			case in.Fallback != "" && (!all || in.Podman || in.Remove):
				return usage(cmd, errors.New("--fallback needs --all-registries, without --podman and --remove"))
			case all:
				return allRegistries(cmd.Context(), a, in)
			}
			in.Hosts = args
			return configureDocker(cmd.Context(), a, in)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&in.Overwrite, "overwrite", false, "replace the entries of other helpers")
	f.BoolVar(&in.Remove, "remove", false, "remove entries of this helper")
	f.BoolVar(&in.DryRun, "dry-run", false, "show the changes and change nothing")
	f.BoolVar(&in.Podman, "podman", false, "change podman's auth.json instead of Docker's config.json")
	f.BoolVar(&all, "all-registries", false, "have Docker call this helper for every registry")
	f.StringVar(&in.Fallback, "fallback", "", "the credential `NAME` for registries that are not ECR, such as pass")
	return cmd
}

func configureDocker(ctx context.Context, a app, in configure.DockerInput) error {
	if in.Remove && len(in.Hosts) == 0 {
		all, err := configure.AllRegistries(ctx, in)
		if err != nil {
			return err
		}
		if all.Changed() {
			if err := a.answer([]byte(allText(all, in))); err != nil {
				return err
			}
		}
	}
	report, err := configure.Docker(ctx, in)
	say := a.say
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
	say("still in use", report.StillNamed)
	return nil
}

// say prints notes on stderr, each with its command.
func (a app) say(kind string, notes []configure.Note) {
	for _, n := range notes {
		if n.Next != "" {
			n.Text += "; run: " + n.Next
		}
		_, _ = fmt.Fprintln(a.streams.err, wrapped(kind+": "+hint.Clean(n.Text, maxSaid), a.streams.err))
	}
}

// allRegistries is configure-docker --all-registries.
func allRegistries(ctx context.Context, a app, in configure.DockerInput) error {
	r, err := configure.AllRegistries(ctx, in)
	if err != nil {
		return err
	}
	if err := a.answer([]byte(allText(r, in))); err != nil {
		return err
	}
	a.say("warning", r.Warnings)
	return nil
}

// allText reports the change of credsStore, or of podman's drop-in.
func allText(r configure.AllReport, in configure.DockerInput) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(hint.Clean(fmt.Sprintf(format, args...), maxSaid) + "\n")
	}
	written := map[bool]string{false: "updated", true: "would be updated"}[in.DryRun]
	switch {
	case r.DropIn != nil && !r.DropIn.Changed:
		line("No changes in %s", r.DropIn.Path)
	case r.DropIn != nil && in.Remove:
		line("%s %s", r.DropIn.Path, map[bool]string{false: "removed", true: "would be removed"}[in.DryRun])
	case r.DropIn != nil:
		line("podman calls %s", strings.Join(r.DropIn.Helpers, ", then "))
		line("%s %s", r.DropIn.Path, written)
	case in.Remove && r.Store != nil && r.Store.New != "":
		line("Docker calls docker-credential-%s for every registry again", r.Store.New)
	case in.Remove && r.Store != nil:
		line("Docker now has no credsStore")
	case in.Remove:
		line("Docker does not call this helper for every registry")
	default:
		line("Docker calls this helper for every registry")
		if r.Fallback != "" {
			line("All but ECR: docker-credential-%s", r.Fallback)
		} else {
			line("All but ECR: the logins in %s; docker login to another registry needs --fallback NAME", r.Path)
		}
	}
	if r.DropIn != nil {
		return b.String()
	}
	if in.DryRun {
		b.WriteString(r.Diff())
	}
	if r.Plan.Changed() {
		line("%s %s", r.Path, written)
	} else {
		line("No changes in %s", r.Path)
	}
	if r.Settings != "" {
		line("%s %s", r.Settings, written)
	}
	return b.String()
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
		line("Added %s instead of the helper %q", c.Host, c.Helper)
	}
	for _, host := range r.Removed {
		line("Removed %s", host)
	}
	for _, host := range r.Unchanged {
		line("Unchanged %s", host)
	}
	if r.Changed() {
		line("%s updated", r.Path)
	} else {
		line("No changes in %s", r.Path)
	}
	for _, path := range r.Remaining {
		line("%s is not removed", path)
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
