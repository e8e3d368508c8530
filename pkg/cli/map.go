package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// newMap is `map HOST PROFILE` and `map --role GLOB...`. They set the profile that a
// registry uses, and the roles to prefer in every account.
func newMap(a app) *cobra.Command {
	var remove, force bool
	var roles rolesFlag
	cmd := &cobra.Command{
		Use:   "map {HOST PROFILE | ALIAS HOST | --role GLOB...}",
		Short: "Set the AWS profile for a registry, or the preferred roles",
		Long: `Adds or changes a line in the [registries] table of the settings file. HOST can
be a pattern: a * matches one label of the host name, or some characters of a
label, and the most specific pattern is used. A profile that does not exist is
an error, unless --force is given.

With a registry in place of the profile, it adds a line to the [aliases] table:
ALIAS is another host name of that registry, such as a CNAME or a VPC endpoint.
It is an exact name, with a port if clients write one.

With --role it writes the setting roles: among several profiles of a registry's
account, the first GLOB that leaves exactly one role decides. A * matches any
characters, a ? one character. The command replaces the roles set before.`,
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
				return exactly("HOST")(cmd, args)
			}
			return exactly("HOST", "PROFILE")(cmd, args)
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
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the line")
	cmd.Flags().BoolVar(&force, "force", false, "also set a profile that does not exist")
	cmd.Flags().Var(&roles, "role", "prefer these roles: the arguments are patterns of role names")
	cmd.Flags().Lookup("role").NoOptDefVal = justSet
	return cmd
}

// rolesFlag is --role, which the patterns follow as arguments: --role A B. The forms
// --role A --role B and --role=A mean the same.
type rolesFlag struct {
	set   bool
	globs []string
}

// justSet is the value of a --role without =. With it the help shows the flag alone, as
// one that takes no value; a role of this name can be an argument.
const justSet = "true"

func (f *rolesFlag) Set(s string) error {
	f.set = true
	if s != justSet {
		f.globs = append(f.globs, s)
	}
	return nil
}

func (*rolesFlag) String() string { return "" }
func (*rolesFlag) Type() string   { return "bool" } // the help shows no value

// mapRoles sets the preferred roles; without patterns it removes the setting.
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
		r.line("", "no role is preferred now (%s)", path)
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

// mapAlias adds another name of a registry.
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
	r.line("", "To have Docker call this helper for it, run: %s", hint.ConfigureDockerCommand(alias))
	return a.answer(r.Bytes())
}

// checkMapped returns an error if the profile does not exist. It suggests the profiles
// with similar names. A configuration that cannot be read is not an error of map.
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
	text := fmt.Sprintf("profile %q is not in %s", profile, config.Paths.Config)
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

// unmapHost removes a mapping and says which credentials the registry uses now.
func unmapHost(ctx context.Context, a app, host string) error {
	path := settingsPath(a)
	if !registry.CanMatch(host) { // not a pattern of registries
		if found, err := settings.UnmapAlias(path, host); found || err != nil {
			if err != nil {
				return err
			}
			r := a.lines()
			r.line("", "%s is not an alias now (%s)", host, path)
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
	case errors.Is(err, registry.ErrNotECR): // a pattern: it has no credentials of its own
	case err != nil:
		return err
	case x.Identity == nil:
		r.line("", "It now uses no credentials: %s", x.Problem)
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
