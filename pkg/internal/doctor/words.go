package doctor

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// In says how far ahead or back a moment is, in the one unit that matters:
// "in 3h", "2 days ago".
func In(t, now time.Time) string {
	d := t.Sub(now.Round(0))
	switch {
	case d.Abs() < time.Minute && d >= 0:
		return "in less than a minute"
	case d < 0:
		return hint.Ago(-d)
	}
	return "in " + left(d)
}

// left prints what is left of something: never more than there is, except that
// an hour that is some seconds old has an hour left.
func left(d time.Duration) string { return hint.Span(d + 30*time.Second) }

// some lists the first few of many.
func some(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// tilde shortens the home directory in a text, for the reader, and because its
// name is not for a public report.
func (x *examination) tilde(text string) string { return tilde(text, x.home) }

func tilde(text, home string) string {
	sep := string(filepath.Separator)
	if home == "" || home == sep {
		return text
	}
	return strings.ReplaceAll(text, home+sep, "~"+sep)
}

// shellPath is a path as a POSIX shell takes it, below ~ where it is.
func (x *examination) shellPath(path string) string {
	short := x.tilde(path)
	if rest, ok := strings.CutPrefix(short, "~/"); ok && hint.Arg(rest) == rest {
		return short
	}
	return hint.Arg(path)
}

// edit is the command that opens a file: some damage only a person can mend.
func (x *examination) edit(path string) []string {
	if runtime.GOOS == "windows" {
		return []string{`notepad "` + path + `"`}
	}
	return []string{"${EDITOR:-vi} " + x.shellPath(path)}
}

// unreadable is the problem of a file: with the command that its error knows, or else
// the person's editor.
func (x *examination) unreadable(title, path string, err error) Check {
	cause, next := advice(err)
	if len(next) == 0 {
		next = x.edit(path)
	}
	return check(title, Problem, next, "%s", cause)
}

// advice takes an error of credhelper apart. Its commands are for a person who
// has not called the doctor yet.
func advice(err error) (cause string, next []string) {
	for _, command := range hint.Next(err) {
		if !strings.HasPrefix(command, hint.DoctorCommand("")) {
			next = append(next, command)
		}
	}
	if e, ok := errors.AsType[*hint.Error](err); ok {
		return awsclient.Quiet(e.Err), next
	}
	return awsclient.Quiet(err), next
}
