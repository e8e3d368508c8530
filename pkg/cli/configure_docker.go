package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/configure"
)

// newConfigureDocker returns the command `configure-docker [HOST...]`. It sets the
// registries for which Docker calls this helper.
func newConfigureDocker(a app) *cobra.Command {
	in := configure.DockerInput{Env: a.env, Config: a.config}
	var all bool
	cmd := &cobra.Command{
		Use:   "configure-docker {[HOST...] | --all-registries}",
		Short: "Register this helper in Docker's config",
		Long: `Adds the registries to credHelpers in Docker's config.json (in DOCKER_CONFIG, if
set) and changes nothing else in the file. Without HOST, it adds the registry of
each SSO profile's account and region, or with --remove it removes all entries
of this helper. If a registry uses another helper, nothing is changed unless
--overwrite is set.

With --all-registries, Docker calls this helper for every registry (credsStore),
so ECR registries need no entries. All other registries use Docker's previous
store or the one set with --fallback. --remove restores the file.`,
		Example: "  " + name + " configure-docker\n" +
			"  " + name + " configure-docker --dry-run public.ecr.aws\n" +
			"  " + name + " configure-docker --podman\n" +
			"  " + name + " configure-docker --all-registries\n" +
			"  " + name + " configure-docker --remove",
		RunE: func(cmd *cobra.Command, args []string) error {
			fallback := cmd.Flags().Changed("fallback")
			switch {
			case in.Remove && in.Overwrite:
				return usage(cmd, errors.New("--remove and --overwrite can't be used together"))
			case all && in.Overwrite:
				return usage(cmd, errors.New("--all-registries and --overwrite can't be used together"))
			case all && len(args) > 0:
				return usage(cmd, fmt.Errorf("--all-registries does not take a HOST (got %q)", args[0]))
			case fallback && (!all || in.Podman || in.Remove):
				return usage(cmd, errors.New("--fallback requires --all-registries and can't be used with --podman or --remove"))
			case fallback && in.Fallback == "": // may come from an unset shell variable
				return usage(cmd, errors.New("--fallback is empty"))
			case all:
				return allRegistries(cmd.Context(), a, in)
			}
			in.Hosts = args
			return configureDocker(cmd.Context(), a, in)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&in.Overwrite, "overwrite", false, "replace the entries of other helpers")
	f.BoolVar(&in.Remove, "remove", false, "remove this helper's entries")
	f.BoolVar(&in.DryRun, "dry-run", false, "print the changes without making them")
	f.BoolVar(&in.Podman, "podman", false, "change podman's auth.json instead of Docker's config.json")
	f.BoolVar(&all, "all-registries", false, "have Docker call this helper for every registry")
	f.StringVar(&in.Fallback, "fallback", "", "credential helper `NAME` for registries that are not ECR, such as pass")
	return cmd
}

func configureDocker(ctx context.Context, a app, in configure.DockerInput) error {
	var all configure.AllReport
	if in.Remove && len(in.Hosts) == 0 {
		var err error
		all, err = configure.AllRegistries(ctx, in)
		if err != nil {
			return err
		}
		if all.Changed() {
			r := a.lines()
			r.all(all, in)
			if err := a.answer(r.Bytes()); err != nil {
				return err
			}
		}
	}
	done, err := configure.Docker(ctx, in)
	a.printNotes("skipped", done.Skipped)
	if err != nil {
		if taken, ok := errors.AsType[*configure.OtherHelperError](err); ok && len(taken.Conflicts) > 1 {
			for _, c := range taken.Conflicts {
				a.note(fmt.Sprintf("  %s: %q", c.Host, c.Helper))
			}
		}
		return err
	}
	r := a.lines()
	restored := all.Plan.Changed() && all.Path == done.Path // the lines about it are above
	switch {
	case in.DryRun && (done.Changed() || !restored):
		r.dryDocker(done)
	case !in.DryRun:
		r.docker(done, restored)
	}
	if err := a.answer(r.Bytes()); err != nil {
		return err
	}
	a.printNotes("warning", done.Warnings)
	a.printNotes("still in use", done.StillNamed)
	return nil
}

// printNotes prints notes on stderr, each with its command.
func (a app) printNotes(kind string, notes []configure.Note) {
	for _, n := range notes {
		if n.Next != "" {
			n.Text += "; run: " + n.Next
		}
		a.note(kind + ": " + n.Text)
	}
}

// allRegistries runs configure-docker --all-registries.
func allRegistries(ctx context.Context, a app, in configure.DockerInput) error {
	done, err := configure.AllRegistries(ctx, in)
	if err != nil {
		return err
	}
	r := a.lines()
	r.all(done, in)
	if err := a.answer(r.Bytes()); err != nil {
		return err
	}
	a.printNotes("warning", done.Warnings)
	return nil
}

// all reports the change to credsStore or to podman's drop-in file.
func (r *report) all(done configure.AllReport, in configure.DockerInput) {
	line := func(format string, args ...any) { r.line("", format, args...) }
	written := map[bool]string{false: "updated", true: "would be updated"}[in.DryRun]
	switch {
	case done.DropIn != nil && !done.DropIn.Changed:
		line("No changes in %s", done.DropIn.Path)
	case done.DropIn != nil && in.Remove:
		line("%s %s", done.DropIn.Path, map[bool]string{false: "removed", true: "would be removed"}[in.DryRun])
	case done.DropIn != nil:
		line("podman calls %s", strings.Join(done.DropIn.Helpers, ", then "))
		line("%s %s", done.DropIn.Path, written)
	case in.Remove && done.Store != nil && done.Store.New != "":
		line("Docker calls docker-credential-%s for every registry again", done.Store.New)
	case in.Remove && done.Store != nil:
		line("Docker now has no credsStore")
	case in.Remove:
		line("Docker does not call this helper for every registry")
	default:
		line("Docker calls this helper for every registry")
		if done.Fallback != "" {
			line("Other registries: docker-credential-%s", done.Fallback)
		} else {
			line("Other registries: the logins in %s; docker login to another registry needs --fallback NAME", done.Path)
		}
	}
	if done.DropIn != nil {
		return
	}
	if in.DryRun {
		r.WriteString(done.Diff())
	}
	if done.Plan.Changed() {
		line("%s %s", done.Path, written)
	} else {
		line("No changes in %s", done.Path)
	}
	if done.Settings != "" {
		line("%s %s", done.Settings, written)
	}
}

// docker reports the changes, one line per registry, and the file. reported says that the
// output has a line about the file.
func (r *report) docker(done configure.DockerReport, reported bool) {
	line := func(format string, args ...any) { r.line("", format, args...) }
	for _, host := range done.Added {
		line("Added %s", host)
	}
	for _, c := range done.Replaced {
		line("Added %s instead of the helper %q", c.Host, c.Helper)
	}
	for _, host := range done.Removed {
		line("Removed %s", host)
	}
	for _, host := range done.Unchanged {
		line("Unchanged %s", host)
	}
	switch {
	case done.Changed():
		line("%s updated", done.Path)
	case !reported:
		line("No changes in %s", done.Path)
	}
	for _, path := range done.Remaining {
		line("%s is not removed", path)
	}
}

// dryDocker prints the credHelpers entries that would change.
func (r *report) dryDocker(done configure.DockerReport) {
	if !done.Changed() {
		r.line("", "%s would not change", done.Path)
		return
	}
	r.WriteString(done.Diff())
}
