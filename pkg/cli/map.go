package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// newMap is `map HOST PROFILE` and `map --role GLOB...`. They set the profile that a
// registry uses, and the roles to prefer in every account.
func newMap(a app) *cobra.Command {
	var remove bool
	var roles rolesFlag
	cmd := &cobra.Command{
		Use:   "map {HOST PROFILE | --role GLOB...}",
		Short: "Set which AWS profile a registry uses, or which roles to prefer",
		Long: `Writes a line into the [registries] table of the settings file. HOST may be a
pattern: * stands for one label of the host name or a run of characters inside
one, and the most specific pattern wins.

With --role it writes the setting roles: among several profiles of a registry's
account, the first GLOB that leaves exactly one role decides. * stands for any
characters, ? for one. The command replaces the roles that were set before.`,
		Example: "  " + name + " map 123456789012.dkr.ecr.us-east-1.amazonaws.com prod\n" +
			"  " + name + " map '*.dkr.ecr.*.amazonaws.com' dev\n" +
			"  " + name + " map --remove 123456789012.dkr.ecr.us-east-1.amazonaws.com\n" +
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
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case roles.set:
				return mapRoles(a, append(roles.globs, args...))
			case remove:
				return unmapHost(a, args[0])
			}
			return mapHost(a, args[0], args[1])
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the line")
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

// justSet is the value of a --role without =. It is not a pattern of a role name.
const justSet = " "

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
	if len(globs) == 0 {
		return a.answer(fmt.Appendf(nil, "no role is preferred any more (%s)\n", path))
	}
	return a.answer(fmt.Appendf(nil, "preferred roles: %s (%s)\n", strings.Join(globs, ", "), path))
}

func settingsPath(a app) string { return settings.Path(a.env) }

func mapHost(a app, host, profile string) error {
	path := settingsPath(a)
	if err := settings.Distrusted(a.env, "mappings"); err != nil {
		return err
	}
	if err := settings.Map(path, host, profile); err != nil {
		return err
	}
	if config, err := a.config(); err == nil {
		if _, ok := config.Profile(profile); !ok {
			// The mapping is saved anyway: the user may create the profile later.
			a.complain(hint.With(fmt.Errorf("profile %q is not in %s yet", profile, config.Paths.Config),
				hint.ConfigureCommand(profile)))
		}
	}
	return a.answer(fmt.Appendf(nil, "%s uses profile %q (%s)\n", host, profile, path))
}

func unmapHost(a app, host string) error {
	path := settingsPath(a)
	found, err := settings.Unmap(path, host)
	if err != nil {
		return err
	}
	if !found {
		return a.answer(fmt.Appendf(nil, "%s had no profile (%s)\n", host, path))
	}
	return a.answer(fmt.Appendf(nil, "%s has no profile any more (%s)\n", host, path))
}
