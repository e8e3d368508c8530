// Package env owns the environment: a typed table of every variable that the program reads,
// and a type for a snapshot of the environment.
//
// No other package reads the process environment; a linter rule and a test check that.
// (pkg/internal/warm and warmfile may import only syscall. A test compares their variable
// names with this table.) The package never changes the environment. It imports hint and
// the standard library. The command takes the snapshot and passes it on.
package env

import (
	"crypto/fips140"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Var identifies a row of the table. A variable without a row cannot be read.
type Var int

// Owner is the project that defines a variable.
type Owner string

// The owners, in the order of the documentation.
const (
	Ours   Owner = hint.Program
	AWS    Owner = "the AWS SDKs and CLI"
	Docker Owner = "Docker and podman"
	System Owner = "the system"
)

// Row describes one variable for the code and for docs/environment.md.
type Row struct {
	Name    string // in the environment
	Owner   Owner
	Expects string // the form of a value
	Secret  bool   // a value must never be printed
	Meaning string // its effect on this program
}

// Table returns a copy of the rows.
func Table() []Row { return append([]Row(nil), table[:]...) }

// Name returns the variable's name in the environment.
func (v Var) Name() string { return table[v].Name }

// Set is a snapshot of the environment. The zero value is an empty environment.
type Set struct{ values map[string]string }

// FromOS takes a snapshot of the process environment.
func FromOS() Set { return FromList(os.Environ()) }

// FromList makes a Set from "NAME=value" strings, as os.Environ returns them. If a name
// occurs twice, the last value applies.
func FromList(list []string) Set {
	values := make(map[string]string, len(list))
	for _, kv := range list {
		if name, value, ok := strings.Cut(kv, "="); ok {
			values[canonical(name)] = value
		}
	}
	return Set{values}
}

// FromMap makes a Set from a map of names to values.
func FromMap(m map[string]string) Set {
	values := make(map[string]string, len(m))
	for name, value := range m {
		values[canonical(name)] = value
	}
	return Set{values}
}

// List returns sorted "NAME=value" strings for FromList.
func (s Set) List() []string {
	list := make([]string, 0, len(s.values))
	for name, value := range s.values {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// Get returns the value, or "" if the variable is not set. For most variables an empty
// value means "not set", as in the AWS SDKs.
func (s Set) Get(v Var) string { return s.values[canonical(v.Name())] }

// Named is Get by name, for packages that may not import this one. Variables without a
// row are treated as not set.
func (s Set) Named(name string) string {
	for _, row := range table {
		if row.Name == name {
			return s.values[canonical(name)]
		}
	}
	return ""
}

// Expand replaces $NAME and ${NAME} in the same way as Python's os.path.expandvars, which
// the AWS CLI uses for its file paths. On Windows it also replaces %NAME%. It does not
// change variables that are not set. This is the only way to read a variable without a
// row, because users may put any variable in a path.
func (s Set) Expand(path string) string {
	return variable().ReplaceAllStringFunc(path, func(found string) string {
		if value, ok := s.values[canonical(strings.Trim(found, "${}%"))]; ok {
			return value
		}
		return found
	})
}

var variable = sync.OnceValue(func() *regexp.Regexp {
	form := `\$(\w+|\{[^}]*\})`
	if runtime.GOOS == "windows" {
		form += `|%[^%]+%`
	}
	return regexp.MustCompile(form)
})

// Lookup is Get and also reports whether the variable is set. The value may be empty.
func (s Set) Lookup(v Var) (string, bool) {
	value, ok := s.values[canonical(v.Name())]
	return value, ok
}

// True reports whether the value is "true" in any letter case, as AWS expects.
func (s Set) True(v Var) bool { return strings.EqualFold(s.Get(v), "true") }

// Profile returns the profile that the environment selects, as in the AWS SDKs: AWS_PROFILE
// or, if that is empty, AWS_DEFAULT_PROFILE. variable is the name of the variable. Both are
// "" if neither is set.
func (s Set) Profile() (name, variable string) {
	for _, v := range []Var{AWSProfile, AWSDefaultProfile} {
		if name := s.Get(v); name != "" {
			return name, v.Name()
		}
	}
	return "", ""
}

// canonical converts names to uppercase on Windows, where case is not significant.
func canonical(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

// Flaw reports what is wrong with a value that must not contain spaces or quotes (a key,
// a region, an ARN). A secret store or a script may add them. It returns "" for a good
// value. It never repeats the value.
func (s Set) Flaw(v Var) string { return Flaw(s.Get(v)) }

// Flaw is Set.Flaw for a value from a file.
func Flaw(value string) string {
	switch {
	case value == "":
		return ""
	case strings.TrimRight(value, "\r\n") != value:
		return "ends with a line break"
	case strings.TrimSpace(value) != value:
		return "begins or ends with a blank"
	case strings.ContainsAny(value, "\"'`"):
		return "contains a quote"
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7F }):
		return "contains a blank or another character that is not allowed"
	}
	return ""
}

// HomeDir returns the home directory that the AWS CLI uses: HOME (USERPROFILE on
// Windows), or otherwise the one in the user database. It returns "" if there is none, or
// if it is not the absolute path of an existing directory.
func (s Set) HomeDir() string {
	home, _ := s.FindHome()
	return home
}

// The kinds of a NoDirError.
var (
	ErrNoHome  = errors.New("no home directory")
	ErrNoCache = errors.New("no cache directory")
)

// NoDirError reports why a directory is not available, and the command that fixes it.
type NoDirError struct {
	Kind           error // ErrNoHome or ErrNoCache
	Cause, Command string
}

// Error returns the kind and the cause.
func (e *NoDirError) Error() string { return e.Kind.Error() + ": " + e.Cause }

// Unwrap returns the kind.
func (e *NoDirError) Unwrap() error { return e.Kind }

// noDir returns a NoDirError with its command attached.
func noDir(kind error, cause, command string) error {
	return hint.With(&NoDirError{kind, cause, command}, command)
}

// FindHome is HomeDir, but returns a *NoDirError with its command if there is no home
// directory.
func (s Set) FindHome() (string, error) {
	v, _ := homeVariable(runtime.GOOS)
	dir := s.Get(v)
	if dir == "" {
		if listed, ok := listedHome(); ok {
			return listed, nil
		}
		return "", noDir(ErrNoHome, v.Name()+" is not set, and the user database has no usable home directory for this user", HomeCommand())
	}
	if why := notDirectory(dir); why != "" {
		command := HomeCommand()
		if _, ok := listedHome(); ok {
			command = hint.UnsetCommand(v.Name()) // this program and the AWS CLI then use the user database
		}
		return "", noDir(ErrNoHome, fmt.Sprintf("%s=%s %s", v.Name(), dir, why), command)
	}
	return dir, nil
}

// homeVariable returns the home directory variable and an example value.
func homeVariable(goos string) (v Var, example string) {
	if goos == "windows" {
		return UserProfile, `C:\absolute\path`
	}
	return Home, "/absolute/path"
}

// HomeCommand sets the home directory. It is for errors about a missing home directory.
func HomeCommand() string {
	v, example := homeVariable(runtime.GOOS)
	return hint.SetCommand(v.Name(), example)
}

// listedHome returns the home directory in the user database.
func listedHome() (string, bool) {
	u, err := user.Current()
	if err != nil || notDirectory(u.HomeDir) != "" {
		return "", false
	}
	return u.HomeDir, true
}

// notDirectory reports why dir cannot be a home directory, or "" if it can.
func notDirectory(dir string) string {
	if !filepath.IsAbs(dir) {
		return "is not an absolute path"
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, os.ErrNotExist):
		return "does not exist"
	case err != nil:
		return "cannot be read"
	case !info.IsDir():
		return "is not a directory"
	}
	return ""
}

// AWSFile returns a path below .aws in home, the result of HomeDir. If home is empty, it
// returns ErrNoHome, because the path would be in the working directory. No other
// function builds such paths.
func AWSFile(home string, names ...string) (string, error) {
	if home == "" {
		return "", ErrNoHome
	}
	return filepath.Join(append([]string{home, ".aws"}, names...)...), nil
}

// AWSCacheFile returns a file in .aws/sso/cache or .aws/cli/cache (tool is sso or cli).
// Its name is the SHA-1 of a key, as in the AWS tools. The digest protects no secret, so
// FIPS 140 permits SHA-1 here.
func AWSCacheFile(home, tool string, key []byte) (string, error) {
	var sum [sha1.Size]byte
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(key) })
	return AWSFile(home, tool, "cache", hex.EncodeToString(sum[:])+".json")
}

// ConfigDir returns the directory of this program's settings, according to the rules of
// os.UserConfigDir: XDG_CONFIG_HOME or ~/.config, ~/Library/Application Support on macOS,
// %AppData% on Windows. It is "" if there is no home directory.
func (s Set) ConfigDir() string {
	return s.appDir(configPlace())
}

func configPlace() place {
	switch GOOS {
	case "windows":
		return place{AppData, "AppData/Roaming"}
	case "darwin":
		return place{none, "Library/Application Support"}
	}
	return place{XDGConfigHome, ".config"}
}

// UsualConfigDir is ConfigDir without the effect of XDG_CONFIG_HOME and APPDATA: it
// depends only on the home directory.
func (s Set) UsualConfigDir() string {
	return under(under(s.HomeDir(), configPlace().below), hint.Program)
}

// CacheDir returns the directory of ECR logins and locks: ECR_SSO_CACHE_DIR, or otherwise
// the directory according to the rules of os.UserCacheDir: XDG_CACHE_HOME or ~/.cache,
// ~/Library/Caches on macOS, %LocalAppData% on Windows. It is "" if there is no such
// directory.
func (s Set) CacheDir() string {
	dir, _ := s.FindCacheDir()
	return dir
}

// FindCacheDir is CacheDir, but returns a *NoDirError with its command if there is no
// cache directory.
func (s Set) FindCacheDir() (string, error) {
	if dir := s.Get(SSOCacheDir); dir != "" {
		if !filepath.IsAbs(dir) { // nothing is cached in the working directory
			name := SSOCacheDir.Name()
			return "", noDir(ErrNoCache, name+"="+dir+" is not an absolute path", hint.UnsetCommand(name))
		}
		return dir, nil
	}
	dir := s.appDir(cachePlace())
	if dir != "" {
		return dir, nil
	}
	_, err := s.FindHome()
	return "", err
}

// place is a platform's location for the directories of all programs: the value of a
// variable, or otherwise a path below the home directory.
type place struct {
	variable Var
	below    string
}

// none means no variable: macOS has none for these directories.
const none = Var(-1)

func cachePlace() place {
	switch GOOS {
	case "windows":
		return place{LocalAppData, "AppData/Local"}
	case "darwin":
		return place{none, "Library/Caches"}
	}
	return place{XDGCacheHome, ".cache"}
}

// appDir appends this program's name to the platform's directory. It ignores a relative
// value, as the XDG Base Directory Specification requires, so nothing is written to the
// working directory.
func (s Set) appDir(p place) string {
	base := ""
	if p.variable != none {
		base = s.Get(p.variable)
	}
	if !filepath.IsAbs(base) {
		base = under(s.HomeDir(), p.below)
	}
	return under(base, hint.Program)
}

func under(dir, rest string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, filepath.FromSlash(rest))
}
