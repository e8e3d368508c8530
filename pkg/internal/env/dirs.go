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
	"runtime"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// HomeDir returns the home directory as the AWS CLI finds it: HOME (USERPROFILE
// on Windows), else the entry of the user database. "" when there is none, and
// when it is no absolute path of a directory that exists: no home is made up.
func (s Set) HomeDir() string {
	home, _ := s.FindHome()
	return home
}

// What a *NoDirError is about.
var (
	ErrNoHome  = errors.New("no home directory")
	ErrNoCache = errors.New("no cache directory")
)

// NoDirError says why there is no such directory, and which command helps.
type NoDirError struct {
	Kind           error // ErrNoHome or ErrNoCache
	Cause, Command string
}

// Error returns the kind and the cause.
func (e *NoDirError) Error() string { return e.Kind.Error() + ": " + e.Cause }

// Unwrap returns the kind.
func (e *NoDirError) Unwrap() error { return e.Kind }

// FindHome is HomeDir with the reason when there is none, a *NoDirError.
func (s Set) FindHome() (string, error) {
	v, set, unset := Home, "export HOME=/absolute/path", "unset HOME"
	if runtime.GOOS == "windows" {
		v, set, unset = UserProfile, `set USERPROFILE=C:\absolute\path`, "set USERPROFILE="
	}
	dir := s.Get(v)
	if dir == "" {
		if listed, ok := listedHome(); ok {
			return listed, nil
		}
		return "", &NoDirError{ErrNoHome, v.Name() + " is not set, and the user database names no usable directory for this user", set}
	}
	if why := notDirectory(dir); why != "" {
		command := set
		if _, ok := listedHome(); ok {
			command = unset // the user database then answers, here and in the AWS CLI
		}
		return "", &NoDirError{ErrNoHome, fmt.Sprintf("%s=%s %s", v.Name(), dir, why), command}
	}
	return dir, nil
}

// listedHome is the home directory in the user database.
func listedHome() (string, bool) {
	u, err := user.Current()
	if err != nil || notDirectory(u.HomeDir) != "" {
		return "", false
	}
	return u.HomeDir, true
}

// notDirectory says why dir cannot be a home directory, "" if it can.
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

// AWSFile returns a path below .aws in the home directory, which HomeDir
// returned. Every such path is built here: joined to an empty home it would be in
// the working directory, so an empty home is ErrNoHome.
func AWSFile(home string, names ...string) (string, error) {
	if home == "" {
		return "", ErrNoHome
	}
	return filepath.Join(append([]string{home, ".aws"}, names...)...), nil
}

// AWSCacheFile returns the file that the AWS tools name by the SHA-1 of a key, below
// .aws/sso/cache or .aws/cli/cache (tool is sso or cli). The digest protects nothing,
// so it is allowed where FIPS 140 forbids SHA-1.
func AWSCacheFile(home, tool string, key []byte) (string, error) {
	var sum [sha1.Size]byte
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(key) })
	return AWSFile(home, tool, "cache", hex.EncodeToString(sum[:])+".json")
}

// ConfigDir returns the directory of our settings, by the rules of
// os.UserConfigDir: XDG_CONFIG_HOME or ~/.config, ~/Library/Application Support
// on macOS, %AppData% on Windows. "" when there is no home directory.
func (s Set) ConfigDir() string {
	return s.appDir(XDGConfigHome, AppData, ".config", "Library/Application Support")
}

// CacheDir returns the directory of our tokens and locks: ECR_SSO_CACHE_DIR as
// it is, else by the rules of os.UserCacheDir: XDG_CACHE_HOME or ~/.cache,
// ~/Library/Caches on macOS, %LocalAppData% on Windows. "" when there is none.
func (s Set) CacheDir() string {
	dir, _ := s.FindCacheDir()
	return dir
}

// FindCacheDir is CacheDir with the reason when there is none, a *NoDirError.
func (s Set) FindCacheDir() (string, error) {
	if dir := s.Get(SSOCacheDir); dir != "" {
		if !filepath.IsAbs(dir) { // nothing is cached in the working directory
			name := SSOCacheDir.Name()
			return "", &NoDirError{ErrNoCache, name + "=" + dir + " is not an absolute path", hint.UnsetCommand(name)}
		}
		return dir, nil
	}
	dir := s.appDir(XDGCacheHome, LocalAppData, ".cache", "Library/Caches")
	if dir != "" {
		return dir, nil
	}
	if _, err := s.FindHome(); err != nil {
		return "", err
	}
	return "", &NoDirError{ErrNoCache, LocalAppData.Name() + " is not set", "set " + SSOCacheDir.Name() + `=C:\absolute\path`}
}

// appDir joins our name to the platform's directory. A relative value of an XDG
// variable is ignored, as the XDG base directory specification asks.
func (s Set) appDir(xdg, windows Var, dotted, library string) string {
	var base string
	switch runtime.GOOS {
	case "windows":
		base = s.Get(windows)
	case "darwin":
		base = under(s.HomeDir(), library)
	default:
		if base = s.Get(xdg); !filepath.IsAbs(base) {
			base = under(s.HomeDir(), dotted)
		}
	}
	return under(base, hint.Program)
}

func under(dir, rest string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, filepath.FromSlash(rest))
}
