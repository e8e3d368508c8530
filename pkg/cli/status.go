package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/doctor"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// newStatus returns the command `status`. It shows sessions and registries without using
// the network.
func newStatus(a app) *cobra.Command {
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the SSO sessions and registries, and what has expired",
		Long: `Shows the SSO sessions in the AWS configuration, and the registries that have a
cached login or use this helper in Docker's configuration. --all also shows the
registries of the other SSO profiles. status does not use the network. The exit
status is 1 if no session or registry can be used.`,
		Example: "  " + name + " status\n  " + name + " status --all --json",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.doctor(cmd.Context()).Status(all)
			if err != nil {
				return err
			}
			text := statusText(s, time.Now(), a.report(), all)
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
	cmd.Flags().BoolVar(&all, "all", false, "show every profile and registry, without a limit")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

const step = "  "

// statusText formats a status as two lists, sessions and registries. The details of an
// entry are indented below its title. Without all, long lists are truncated.
func statusText(s doctor.Status, now time.Time, r *report, all bool) []byte {
	r.awsConfig(s)
	for _, session := range s.Sessions {
		level := style.OK
		if !session.Usable() {
			level = style.Warning
		}
		title := session.Name
		if title == "" {
			title = "(no name)"
		}
		r.wrap(step+r.style.Mark(level, hint.Clean(title, 100))+": ", len(step+step), sentence(session, now))
		r.line(step+step, "%s, %s", session.StartURL, session.Region)
		if len(session.Profiles) > 0 {
			r.line(step+step, "%s", profileList(session.Profiles, all))
		}
		r.next(step+step, session.Next)
	}
	for _, login := range s.Logins {
		level := style.OK
		if !login.Usable() {
			level = style.Warning
		}
		r.wrap(step+r.style.Mark(level, "aws login")+": ", len(step+step), loginSentence(login, now))
		r.line(step+step, "%s", login.ARN)
		r.line(step+step, "profiles: %s", strings.Join(login.Profiles, ", "))
		r.next(step+step, login.Next)
	}
	r.WriteByte('\n')
	switch {
	case s.Trouble != "":
		r.line("", "registries: %s", s.Trouble)
	case len(s.Registries) == 0 && len(s.Every) == 0:
		r.line("", "no registry in %s", s.Docker)
		r.next(step, []string{hint.ConfigureDockerCommand()})
	default:
		r.line("", "registries in %s", strings.Join(append([]string{s.Docker}, s.Podman...), " and "))
	}
	for _, c := range s.Every {
		level := style.OK
		if c.Verdict != doctor.OK {
			level = style.Warning
		}
		r.wrap(step+r.style.Mark(level, "all registries")+": ", len(step+step), c.Detail)
		r.next(step+step, c.Next)
	}
	registryList{r, now, all}.write(s.Registries)
	return r.Bytes()
}

// awsConfig shows the file of the sessions, and why it cannot be read.
func (r *report) awsConfig(s doctor.Status) {
	if s.AWSTrouble != "" {
		r.line("", "%s", s.AWSTrouble)
		r.next(step, s.AWSNext)
	}
	switch {
	case len(s.Sessions) == 0 && s.AWSTrouble != "":
	case len(s.Sessions) == 0:
		r.line("", "no SSO session in %s", s.AWSConfig)
		if len(s.Logins) == 0 {
			r.next(step, []string{hint.ConfigureCommand("")})
		}
	default:
		r.line("", "SSO sessions in %s", s.AWSConfig)
	}
}

// sentence describes the state of a session. Only AWS knows when a refreshable session
// ends.
func sentence(s credhelper.SessionStatus, now time.Time) string {
	const renewed = "renewed automatically until your organization ends the session."
	switch s.State {
	case credhelper.Live:
		text := "Signed in. Access token expires " + doctor.In(*s.ExpiresAt, now)
		if s.Refreshable {
			return text + "; " + renewed
		}
		return text + "; it cannot be renewed."
	case credhelper.Refreshable:
		return "Signed in. Access token expired " + doctor.In(*s.ExpiresAt, now) + "; " + renewed
	case credhelper.Expired:
		return "Expired " + doctor.In(*s.ExpiresAt, now) + "."
	case credhelper.Missing:
		return "Not signed in."
	}
	return "The token file cannot be read."
}

// loginSentence describes the state of an `aws login` session.
func loginSentence(s credhelper.LoginSession, now time.Time) string {
	switch s.State {
	case credhelper.Live:
		return "Signed in. Its keys expire " + doctor.In(*s.ExpiresAt, now) + "; renewed automatically until the session ends."
	case credhelper.Refreshable:
		return "Signed in. Its keys expired " + doctor.In(*s.ExpiresAt, now) + "; renewed automatically until the session ends."
	case credhelper.Missing:
		return "Not signed in."
	}
	return "The session's file cannot be read."
}

// Maximum numbers of entries shown without --all.
const (
	maxProfiles   = 5
	maxRegistries = 20
	maxAlike      = 3
)

func profileList(profiles []credhelper.SessionProfile, all bool) string {
	most := len(profiles)
	if !all {
		most = min(most, maxProfiles)
	}
	var list []string
	for _, p := range profiles[:most] {
		list = append(list, fmt.Sprintf("%s (%s %s)", p.Name, p.Account, p.Role))
	}
	text := "profiles: " + strings.Join(list, ", ")
	if more := len(profiles) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
