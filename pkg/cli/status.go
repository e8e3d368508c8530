package cli

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/doctor"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// newStatus is `status`. It shows the sessions and registries, without a network call.
func newStatus(a app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the SSO sessions and registries, and how long each is good",
		Long: `Shows the SSO sessions of the AWS configuration with their profiles, and the
registries that Docker asks this helper about. It does not use the network. The
exit status is 1 when nothing is usable.`,
		Example: "  " + name + " status\n  " + name + " status --json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.doctor(credhelper.WithContext(cmd.Context())).Status()
			if err != nil {
				return err
			}
			text := statusText(s, time.Now(), a.width())
			if asJSON {
				if text, err = indented(s); err != nil {
					return err
				}
			}
			if err := a.answer(text); err != nil {
				return err
			}
			if !s.Usable {
				return exitStatus(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

const step = "  "

// statusText formats a status as two lists, sessions and registries. The details of
// an entry are indented below its title.
func statusText(s doctor.Status, now time.Time, width int) []byte {
	var b bytes.Buffer
	line := func(depth int, format string, args ...any) {
		writeWrapped(&b, strings.Repeat(step, depth), hint.Clean(fmt.Sprintf(format, args...), 500), width)
	}
	if len(s.Sessions) == 0 {
		line(0, "no SSO session in %s", s.AWSConfig)
		writeNext(&b, step, []string{hint.ConfigureCommand("")})
	} else {
		line(0, "SSO sessions in %s", s.AWSConfig)
	}
	for _, session := range s.Sessions {
		title := session.Name
		if title == "" {
			title = "(no name)"
		}
		line(1, "%s: %s", title, worth(session, now))
		line(2, "%s, %s", session.StartURL, session.Region)
		if len(session.Profiles) > 0 {
			line(2, "profiles: %s", profileList(session.Profiles))
		}
		writeNext(&b, step+step, session.Next)
	}
	b.WriteByte('\n')
	switch {
	case s.Trouble != "":
		line(0, "registries: %s", s.Trouble)
	case len(s.Registries) == 0:
		line(0, "no registry in %s", s.Docker)
		writeNext(&b, step, []string{hint.ConfigureDockerCommand()})
	default:
		line(0, "registries in %s", strings.Join(append([]string{s.Docker}, s.Podman...), " and "))
	}
	for _, e := range s.Registries {
		line(1, "%s", e.Registry.Host)
		if e.Problem != "" && e.Cached == nil && e.Stored == nil {
			line(2, "%s", e.Problem)
			writeNext(&b, step+step, e.Next)
		} else {
			line(2, "%s", doctor.Resolved(e, now))
		}
	}
	return b.Bytes()
}

// worth describes how long a session can still be used.
func worth(s credhelper.SessionStatus, now time.Time) string {
	var text string
	switch s.State {
	case "live":
		text = "live, token ends " + doctor.In(*s.ExpiresAt, now)
	case "refreshable":
		text = "token ended " + doctor.In(*s.ExpiresAt, now)
	case "expired":
		return "expired " + doctor.In(*s.ExpiresAt, now)
	case "missing":
		return "not signed in"
	default:
		return "its token file cannot be read"
	}
	switch {
	case s.RefreshableUntil != nil:
		text += ", renews itself until " + s.RefreshableUntil.Local().Format(time.DateOnly) + " at the latest"
	case s.Refreshable:
		text += ", renews itself"
	}
	return text
}

func profileList(profiles []credhelper.SessionProfile) string {
	var list []string
	for _, p := range profiles {
		list = append(list, fmt.Sprintf("%s (%s %s)", p.Name, p.Account, p.Role))
	}
	return strings.Join(list, ", ")
}
