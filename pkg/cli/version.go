package cli

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/spf13/cobra"
)

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
