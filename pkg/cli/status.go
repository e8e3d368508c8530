package cli

import (
	"fmt"
	"slices"
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
		r.wrap(step+r.style.Mark(level, hint.Clean(title, 100))+": ", len(step+step), ssoSessionText(session, now))
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
		r.wrap(step+r.style.Mark(level, "aws login")+": ", len(step+step), awsLoginText(login, now))
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

// awsLoginText describes the state of an `aws login` session.
func awsLoginText(s credhelper.LoginSession, now time.Time) string {
	switch s.State {
	case credhelper.StateLive:
		return "Signed in. Its keys expire " + hint.In(*s.ExpiresAt, now) + "; renewed automatically until the session ends."
	case credhelper.StateRefreshable:
		return "Signed in. Its keys expired " + hint.In(*s.ExpiresAt, now) + "; renewed automatically until the session ends."
	case credhelper.StateMissing:
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

// registryList writes the registries of a status. An organization may have hundreds.
// Without all, registries with the same problem share one entry, and of the others only the
// first ones are shown.
type registryList struct {
	*report
	now time.Time
	all bool
}

func (l registryList) write(registries []credhelper.Explanation) {
	if l.all || len(registries) <= maxRegistries {
		for _, e := range registries {
			l.one(e)
		}
		return
	}
	var cached, usable []credhelper.Explanation
	var problems [][]credhelper.Explanation // grouped by problem
	for _, e := range registries {
		switch {
		case hasLogin(e):
			cached = append(cached, e)
		case e.Problem == "":
			usable = append(usable, e)
		default:
			same := func(p []credhelper.Explanation) bool {
				return withoutAccount(p[0], p[0].Problem) == withoutAccount(e, e.Problem) &&
					slices.EqualFunc(p[0].Next, e.Next, func(a, b string) bool { return withoutAccount(p[0], a) == withoutAccount(e, b) })
			}
			if i := slices.IndexFunc(problems, same); i >= 0 {
				problems[i] = append(problems[i], e)
			} else {
				problems = append(problems, []credhelper.Explanation{e})
			}
		}
	}
	hidden := l.first(cached, maxRegistries, "with a cached login")
	for i, p := range problems {
		if i == maxRegistries {
			l.line(step, "and %s more", hint.Count(len(problems)-i, "problem"))
			hidden = true
			break
		}
		hidden = l.grouped(p) || hidden
	}
	hidden = l.first(usable, max(maxAlike, maxRegistries-len(cached)-len(problems)), "without a cached login") || hidden
	if hidden {
		l.line(step, "all of them:")
		l.next(step, []string{hint.StatusCommand() + " --all"})
	}
}

// first writes up to most registries and the number of remaining ones. It reports whether
// there are any remaining.
func (l registryList) first(registries []credhelper.Explanation, most int, kind string) bool {
	most = min(most, len(registries))
	for _, e := range registries[:most] {
		l.one(e)
	}
	if more := len(registries) - most; more > 0 {
		l.line(step, "and %d more %s", more, kind)
		return true
	}
	return false
}

// grouped writes the registries that share a problem. It reports whether it omitted some.
func (l registryList) grouped(registries []credhelper.Explanation) bool {
	if len(registries) <= maxAlike {
		for _, e := range registries {
			l.one(e)
		}
		return false
	}
	var hosts []string
	for _, e := range registries[:maxAlike] {
		hosts = append(hosts, title(e))
	}
	for _, host := range hosts {
		l.WriteString(step + l.style.Mark(style.Problem, host) + "\n")
	}
	problem, next := common(registries)
	l.line(step+step, "and %d more: %s", len(registries)-maxAlike, problem)
	l.next(step+step, next)
	return true
}

// withoutAccount replaces the registry's account in a text, so that problems of several
// accounts can be compared. Profile names often contain the account.
func withoutAccount(e credhelper.Explanation, text string) string {
	if e.Registry.Account == "" {
		return text
	}
	return strings.ReplaceAll(text, e.Registry.Account, "ACCOUNT")
}

// common returns the problem that several registries share, and the commands that fix it
// for all of them.
func common(registries []credhelper.Explanation) (problem string, next []string) {
	first := registries[0]
	if !slices.ContainsFunc(registries, func(e credhelper.Explanation) bool {
		return e.Problem != first.Problem || !slices.Equal(e.Next, first.Next)
	}) {
		return first.Problem, first.Next
	}
	var each []string // per account
	for _, command := range first.Next {
		if all := withoutAccount(first, command); all == command {
			next = append(next, command)
		} else {
			each = append(each, all)
		}
	}
	if len(next) == 0 {
		next = each
	}
	return withoutAccount(first, first.Problem), next
}

// one writes a single registry.
func (l registryList) one(e credhelper.Explanation) {
	level, text, next := style.OK, doctor.Resolved(e, l.now), []string(nil)
	if e.Problem != "" && !hasLogin(e) {
		level, text, next = style.Problem, e.Problem, e.Next
		if doctor.IsPublic(e.Registry.Host) {
			level, text = style.Warning, text+"; public images can be pulled without a login"
		}
	}
	l.entry(level, "", title(e), text, next)
}

func hasLogin(e credhelper.Explanation) bool { return e.CachedUntil != nil || e.StoredUntil != nil }

// title returns a registry's name for the list, including the alias that clients use.
func title(e credhelper.Explanation) string {
	if e.Registry.Alias != "" {
		return e.Registry.Alias + " (" + e.Registry.Host + ")"
	}
	return e.Registry.Host
}
