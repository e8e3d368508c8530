package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/doctor"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

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

func hasLogin(e credhelper.Explanation) bool { return e.Cached != nil || e.Stored != nil }

// title returns a registry's name for the list, including the alias that clients use.
func title(e credhelper.Explanation) string {
	if e.Registry.Alias != "" {
		return e.Registry.Alias + " (" + e.Registry.Host + ")"
	}
	return e.Registry.Host
}
