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

// Some keys direct logins: they select the credentials for a registry, and the hosts and
// programs that receive logins and requests. They are used only from a file that only the
// user can write, and never from a file in the repository in which the user works: an
// .envrc file that sets ECR_SSO_CONFIG must not send a login to a foreign host. The other
// keys are used from any file.

// directing lists the keys that direct logins. Each has a function that tests whether it
// is set, and a function that unsets it.
var directing = [...]struct {
	noun  string
	isSet func(Settings) bool
	unset func(*Settings)
}{
	{"mappings", func(s Settings) bool { return len(s.Registries) > 0 }, func(s *Settings) { s.Registries = map[string]string{} }},
	{"aliases", func(s Settings) bool { return len(s.Aliases) > 0 }, func(s *Settings) { s.Aliases, s.IgnoredAliases = map[string]string{}, s.Aliases }},
	// Includes the store to restore, which becomes Docker's credsStore again.
	{"fallback", func(s Settings) bool { return s.Fallback != "" || s.Replaced != nil }, func(s *Settings) { s.Fallback, s.Replaced, s.IgnoredFallback = "", nil, true }},
	{"roles", func(s Settings) bool { return len(s.Roles) > 0 }, func(s *Settings) { s.Roles = nil }},
}

// Distrusted returns the reason why keys in the file at Path(e) are ignored, or nil if
// they are used. what names the keys. The error has the command that fixes the cause.
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
		return next, errors.New("other users can write to it (" + bad.Why + ")")
	}
	return next, fmt.Errorf("other users can write to %s (%s)", bad.Path, bad.Why)
}

// withoutDirecting returns the settings. If the file may not set the keys that direct
// logins, the result does not contain them and Ignored has the reason.
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

// namedBy returns the variable that changes the file's path.
func namedBy(e env.Set) string {
	switch {
	case e.Get(env.SSOConfig) != "":
		return env.SSOConfig.Name()
	case e.Get(env.XDGConfigHome) != "":
		return env.XDGConfigHome.Name()
	}
	return env.AppData.Name()
}

// foreign returns the reason why the file may belong to the user's current repository, or
// "" if it does not. The file at its usual path below the home directory belongs to the
// user. Any other file must not be in the working directory. It must also not be in a
// higher directory with .git or .envrc, because that repository may have set the variable
// with the file's path. A directory that contains the home directory is not treated as a
// repository.
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

// isUsual reports whether path is the usual path below the home directory.
func isUsual(e env.Set, path string) bool {
	usual := e.UsualConfigDir()
	return usual != "" && filepath.Clean(path) == filepath.Join(usual, fileName)
}

// marked reports whether dir is the top directory of a repository, or has a file that
// sets variables (https://direnv.net).
func marked(dir string) bool {
	for _, name := range []string{".git", ".envrc", ".hg", ".jj", ".svn"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}
