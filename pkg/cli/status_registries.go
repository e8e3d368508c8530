package cli

import (
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/doctor"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// registryList writes the registries of a status. An organization may have hundreds, so
// without all the registries with the same problem share one entry, and of the others it
// shows the first ones.
type registryList struct {
	*report
	now time.Time
	all bool
}

func (l registryList) write(registries []credhelper.Explanation) {
	if l.all || len(registries) <= mostRegistries {
		for _, e := range registries {
			l.one(e)
		}
		return
	}
	var cached, usable []credhelper.Explanation
	var problems [][]credhelper.Explanation // those of an element have the same problem
	for _, e := range registries {
		switch {
		case hasLogin(e):
			cached = append(cached, e)
		case e.Problem == "":
			usable = append(usable, e)
		default:
			same := func(p []credhelper.Explanation) bool {
				return p[0].Problem == e.Problem && slices.Equal(p[0].Next, e.Next)
			}
			if i := slices.IndexFunc(problems, same); i >= 0 {
				problems[i] = append(problems[i], e)
			} else {
				problems = append(problems, []credhelper.Explanation{e})
			}
		}
	}
	hidden := l.first(cached, mostRegistries, "with a cached login")
	for i, p := range problems {
		if i == mostRegistries {
			l.line(step, "and %s more", hint.Count(len(problems)-i, "problem"))
			hidden = true
			break
		}
		hidden = l.alike(p) || hidden
	}
	hidden = l.first(usable, max(mostAlike, mostRegistries-len(cached)-len(problems)), "without a cached login") || hidden
	if hidden {
		l.line(step, "all of them:")
		l.next(step, []string{hint.StatusCommand() + " --all"})
	}
}

// first writes at most so many registries, and the number of the others. It reports
// whether there are others.
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

// alike writes the registries with one problem. It reports whether it left some out.
func (l registryList) alike(registries []credhelper.Explanation) bool {
	if len(registries) <= mostAlike {
		for _, e := range registries {
			l.one(e)
		}
		return false
	}
	var hosts []string
	for _, e := range registries[:mostAlike] {
		hosts = append(hosts, title(e))
	}
	for _, host := range hosts {
		l.WriteString(step + l.style.Mark(style.Problem, host) + "\n")
	}
	l.line(step+step, "and %d more: %s", len(registries)-mostAlike, registries[0].Problem)
	l.next(step+step, registries[0].Next)
	return true
}

// one writes one registry.
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

// title is the name of a registry in the list, with the alias by which clients call it.
func title(e credhelper.Explanation) string {
	if e.Registry.Alias != "" {
		return e.Registry.Alias + " (" + e.Registry.Host + ")"
	}
	return e.Registry.Host
}
