package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// newMap returns the command `map HOST PROFILE` or `map --role GLOB...`. They set the
// profile for a registry, or the preferred roles for all accounts.
func newMap(a app) *cobra.Command {
	var remove, force bool
	var roles rolesFlag
	cmd := &cobra.Command{
		Use:   "map {HOST PROFILE | ALIAS HOST | --role GLOB...}",
		Short: "Set the AWS profile for a registry, or the preferred roles",
		Long: `Adds or changes a line in the [registries] table of the settings file. HOST can
be a pattern: * matches a label of the host name or a part of a label, and the
most specific pattern applies. The profile must exist, unless --force is set.

With a registry instead of a profile, it adds a line to the [aliases] table:
ALIAS is another host name of that registry, such as a CNAME or a VPC endpoint.
Aliases match exactly, including the port if clients use one.

With --role, it replaces the roles setting. If several profiles match a
registry's account, the first GLOB that matches exactly one of their roles
selects the profile. * matches any characters, ? matches one character.`,
		Example: "  " + name + " map public.ecr.aws prod\n" +
			"  " + name + " map '*.dkr.ecr.*.amazonaws.com' dev\n" +
			"  " + name + " map ecr.example.com \\\n" +
			"      123456789012.dkr.ecr.us-east-1.amazonaws.com\n" +
			"  " + name + " map --remove public.ecr.aws\n" +
			"  " + name + " map --role Push PowerUserAccess 'ReadOnly*'\n" +
			"  " + name + " map --remove --role",
		Args: func(cmd *cobra.Command, args []string) error {
			switch given := len(roles.globs) + len(args); {
			case roles.set && remove && given > 0:
				return usage(cmd, fmt.Errorf("--remove --role takes no GLOB"))
			case roles.set && !remove && given == 0:
				return usage(cmd, fmt.Errorf("GLOB is missing"))
			case roles.set:
				return nil
			case remove:
				return exactArgs("HOST")(cmd, args)
			}
			return exactArgs("HOST", "PROFILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case force && (remove || roles.set):
				return usage(cmd, errors.New("--force can't be used together with --remove or --role"))
			case roles.set:
				return mapRoles(a, append(roles.globs, args...))
			case remove:
				return unmapHost(cmd.Context(), a, args[0])
			}
			if settings.IsAliasOf(args[0], args[1]) {
				return mapAlias(a, args[0], args[1])
			}
			return mapHost(a, args[0], args[1], force)
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the mapping or alias")
	cmd.Flags().BoolVar(&force, "force", false, "allow a profile that does not exist")
	cmd.Flags().Var(&roles, "role", "set preferred roles; the arguments are role name patterns")
	cmd.Flags().Lookup("role").NoOptDefVal = justSet
	return cmd
}

// rolesFlag is the --role flag. Its patterns follow as arguments: --role A B. It also
// accepts --role A --role B and --role=A.
type rolesFlag struct {
	set   bool
	globs []string
}

// justSet is the value of --role without =. It makes the help show a flag without a value.
// A role may still have this name if it is passed as an argument.
const justSet = "true"

func (f *rolesFlag) Set(s string) error {
	f.set = true
	if s != justSet {
		f.globs = append(f.globs, s)
	}
	return nil
}

func (*rolesFlag) String() string { return "" }
func (*rolesFlag) Type() string   { return "bool" } // hides the value in the help

// mapRoles sets the preferred roles. Without patterns, it removes the setting.
func mapRoles(a app, globs []string) error {
	path := settingsPath(a)
	if err := settings.Distrusted(a.env, "roles"); err != nil && len(globs) > 0 {
		return err
	}
	if err := settings.PreferRoles(path, globs); err != nil {
		return err
	}
	r := a.lines()
	if len(globs) == 0 {
		r.line("", "preferred roles removed (%s)", path)
	} else {
		r.line("", "preferred roles: %s (%s)", strings.Join(globs, ", "), path)
	}
	return a.answer(r.Bytes())
}

func settingsPath(a app) string { return settings.Path(a.env) }

func mapHost(a app, host, profile string, force bool) error {
	path := settingsPath(a)
	if err := settings.Distrusted(a.env, "mappings"); err != nil {
		return err
	}
	if !force {
		if err := checkMapped(a, host, profile); err != nil {
			return err
		}
	}
	if err := settings.Map(path, host, profile); err != nil {
		return err
	}
	r := a.lines()
	r.line("", "%s uses profile %q (%s)", host, profile, path)
	return a.answer(r.Bytes())
}

// mapAlias adds an alias for a registry.
func mapAlias(a app, alias, host string) error {
	path := settingsPath(a)
	if err := settings.Distrusted(a.env, "aliases"); err != nil {
		return err
	}
	if err := settings.MapAlias(path, alias, host); err != nil {
		return err
	}
	r := a.lines()
	r.line("", "%s is an alias of %s (%s)", alias, host, path)
	if !callsHelper(a, alias) {
		r.line("", "To have Docker call this helper for it, run: %s", hint.ConfigureDockerCommand(alias))
	}
	return a.answer(r.Bytes())
}

// callsHelper reports whether Docker calls this helper for a host. It ignores a file that
// cannot be read.
func callsHelper(a app, host string) bool {
	docker, err := dockerconfig.Load(dockerconfig.Path(a.env, a.env.HomeDir()))
	if err != nil {
		return false
	}
	served, named := docker.CredHelpers[host]
	return dockerconfig.IsHelper(served) || !named && dockerconfig.IsHelper(docker.CredsStore)
}

// checkMapped returns an error if the profile does not exist, with similar names as
// suggestions. It ignores configuration files that cannot be read.
func checkMapped(a app, host, profile string) error {
	config, err := a.config()
	if err != nil {
		return nil
	}
	if _, ok := config.Profile(profile); ok {
		return nil
	}
	var all []string
	for _, p := range config.Profiles {
		all = append(all, p.Name)
	}
	text := fmt.Sprintf("profile %q is not in %s", profile, cmp.Or(config.Paths.Config, "the AWS configuration"))
	near := hint.Near(profile, all)
	var next []string
	switch {
	case len(near) > 0:
		for _, name := range near[:min(len(near), hint.MaxQuoted)] {
			next = append(next, hint.MapCommand(host, name))
		}
	case len(all) > 0:
		text += fmt.Sprintf(" (it has %s)", hint.Quoted(all))
		fallthrough
	default:
		next = append(next, hint.ConfigureCommand(profile))
	}
	return hint.With(errors.New(text), append(next, hint.MapCommand(host, profile, "--force"))...)
}

// unmapHost removes a mapping and prints which credentials the registry now uses.
func unmapHost(ctx context.Context, a app, host string) error {
	path := settingsPath(a)
	if !registry.CanMatch(host) { // not a registry pattern
		if found, err := settings.UnmapAlias(path, host); found || err != nil {
			if err != nil {
				return err
			}
			r := a.lines()
			r.line("", "%s is no longer an alias (%s)", host, path)
			return a.answer(r.Bytes())
		}
	}
	found, err := settings.Unmap(path, host)
	if err != nil {
		return err
	}
	r := a.lines()
	if found {
		r.line("", "Removed the mapping of %s (%s)", host, path)
	} else {
		r.line("", "%s had no mapping (%s)", host, path)
	}
	x, err := a.helper(ctx).Explain(host)
	switch {
	case errors.Is(err, registry.ErrNotECR): // a pattern, which has no credentials itself
	case err != nil:
		return err
	case x.Identity == nil:
		r.line("", "It now has no credentials: %s", x.Problem)
		r.next(step, x.Next)
	default:
		r.line("", "It now uses %s", identity(*x.Identity))
		if x.Problem != "" {
			r.line("", "A login fails: %s", x.Problem)
			r.next(step, x.Next)
		}
	}
	return a.answer(r.Bytes())
}
