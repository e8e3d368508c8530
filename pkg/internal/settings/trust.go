package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// Some keys direct logins: they select the credentials of a registry, and the hosts and
// programs that get logins and requests. They are used only from a file that only the user
// can write, and never from one in the repository in which the user works: an .envrc that
// sets ECR_SSO_CONFIG must not send a login to a foreign host. The other keys are used from
// every file.

// directing lists the keys that direct logins, each with the test whether it is set and
// the way to unset it.
var directing = [...]struct {
	noun  string
	isSet func(Settings) bool
	unset func(*Settings)
}{
	{"mappings", func(s Settings) bool { return len(s.Registries) > 0 }, func(s *Settings) { s.Registries = map[string]string{} }},
	{"aliases", func(s Settings) bool { return len(s.Aliases) > 0 }, func(s *Settings) { s.Aliases, s.IgnoredAliases = map[string]string{}, s.Aliases }},
	// The store to restore belongs to it: it becomes Docker's credsStore again.
	{"fallback", func(s Settings) bool { return s.Fallback != "" || s.Replaced != nil }, func(s *Settings) { s.Fallback, s.Replaced, s.IgnoredFallback = "", nil, true }},
	{"roles", func(s Settings) bool { return len(s.Roles) > 0 }, func(s *Settings) { s.Roles = nil }},
}

// Distrusted returns why keys of the file at Path(e) do not count, nil if they do. what
// names the keys. The error carries the command that changes that.
func Distrusted(e env.Set, what string) error {
	path := Path(e)
	if path == "" {
		return nil
	}
	next, cause := distrusted(e, path)
	if cause == nil {
		return nil
	}
	verb := "are"
	if what == fallback {
		verb = "is"
	}
	return hint.With(fmt.Errorf("the %s of %s %s ignored: %w", what, path, verb, cause), next)
}

func distrusted(e env.Set, path string) (next string, cause error) {
	if why := foreign(e, path); why != "" {
		return hint.UnsetCommand(namedBy(e)), errors.New(why)
	}
	err := safefile.CheckSole(path)
	bad, ok := errors.AsType[*safefile.NotTrustedError](err)
	if !ok {
		return hint.DoctorCommand(""), err
	}
	next = "chmod go-w " + hint.Arg(bad.Path)
	if bad.Owner {
		next = fmt.Sprintf("sudo chown %d %s", os.Geteuid(), hint.Arg(bad.Path))
	}
	if bad.Path == path {
		return next, errors.New("others can write it (" + bad.Why + ")")
	}
	return next, fmt.Errorf("others can write %s (%s)", bad.Path, bad.Why)
}

// withoutDirecting returns the settings without the keys that direct logins, if the file
// may not set them. Ignored then reports why.
func (s Settings) withoutDirecting(e env.Set) Settings {
	var set []string
	for _, key := range directing {
		if key.isSet(s) {
			set = append(set, key.noun)
		}
	}
	if len(set) == 0 {
		return s
	}
	s.ByDirectory = !isUsual(e, Path(e))
	if s.Ignored = Distrusted(e, and(set)); s.Ignored == nil {
		return s
	}
	for _, key := range directing {
		if key.isSet(s) {
			key.unset(&s)
		}
	}
	return s
}

// and joins nouns: "mappings", "mappings and aliases", "mappings, aliases and roles".
func and(nouns []string) string {
	last := len(nouns) - 1
	if last == 0 {
		return nouns[0]
	}
	return strings.Join(nouns[:last], ", ") + " and " + nouns[last]
}

// namedBy returns the variable that moved the file from its usual place.
func namedBy(e env.Set) string {
	switch {
	case e.Get(env.SSOConfig) != "":
		return env.SSOConfig.Name()
	case e.Get(env.XDGConfigHome) != "":
		return env.XDGConfigHome.Name()
	}
	return env.AppData.Name()
}

// foreign returns why the file may belong to the repository in which the user works, or "" if
// it does not. The file in its usual place below the home directory is the user's. Any
// other file must not be in the working directory, nor in a directory above it that has a
// .git or .envrc, since such a repository may have set the variable that names the file. A
// directory that contains the home directory is not a repository in this sense.
func foreign(e env.Set, path string) string {
	if isUsual(e, path) {
		return ""
	}
	home := e.HomeDir()
	wd, err := os.Getwd()
	if err == nil {
		wd, err = filepath.EvalSymlinks(wd)
	}
	if err != nil {
		return "the working directory is unknown, and " + namedBy(e) + " names the file"
	}
	for dir := wd; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if home != "" && safefile.Inside(home, dir) {
			break
		}
		if dir != wd && !marked(dir) || !safefile.Inside(path, dir) {
			continue
		}
		if dir == wd {
			return "it is below the working directory"
		}
		return "it is below " + dir + ", the repository of the working directory"
	}
	return ""
}

// isUsual reports whether path is the usual one below the home directory.
func isUsual(e env.Set, path string) bool {
	usual := e.UsualConfigDir()
	return usual != "" && filepath.Clean(path) == filepath.Join(usual, fileName)
}

// marked reports whether dir is the top of a repository, or has a file that sets variables
// (https://direnv.net).
func marked(dir string) bool {
	for _, name := range []string{".git", ".envrc", ".hg", ".jj", ".svn"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}
