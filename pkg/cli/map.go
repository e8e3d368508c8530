package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// newMap is `map HOST PROFILE`. It sets the profile that a registry uses.
func newMap(a app) *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use:   "map HOST PROFILE",
		Short: "Settle which AWS profile a registry uses",
		Long: `Writes a line into the [registries] table of the settings file. HOST may be a
pattern: * stands for one label of the host name or a run of characters inside
one, and the most specific pattern wins.`,
		Example: "  " + name + " map 123456789012.dkr.ecr.us-east-1.amazonaws.com prod\n" +
			"  " + name + " map '*.dkr.ecr.*.amazonaws.com' dev\n" +
			"  " + name + " map --remove 123456789012.dkr.ecr.us-east-1.amazonaws.com",
		Args: func(cmd *cobra.Command, args []string) error {
			if remove {
				return exactly("HOST")(cmd, args)
			}
			return exactly("HOST", "PROFILE")(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if remove {
				return unmapHost(a, args[0])
			}
			return mapHost(a, args[0], args[1])
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "take the line out again")
	return cmd
}

func settingsPath(a app) string { return settings.Path(a.env) }

func mapHost(a app, host, profile string) error {
	path := settingsPath(a)
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
