package env

import (
	"os"
	"os/user"
	"path/filepath"
	"runtime"
)

// app names our directories below the user's configuration and cache
// directories.
const app = "docker-credential-ecr-sso"

// HomeDir returns the home directory as the AWS CLI finds it: HOME (USERPROFILE
// on Windows), else the entry of the user database. "" when there is none, and
// when it is no absolute path of a directory that exists: no home is made up.
func (s Set) HomeDir() string {
	v := Home
	if runtime.GOOS == "windows" {
		v = UserProfile
	}
	if dir, ok := s.Lookup(v); ok && dir != "" {
		return existing(dir)
	}
	if u, err := user.Current(); err == nil {
		return existing(u.HomeDir)
	}
	return ""
}

func existing(dir string) string {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || !filepath.IsAbs(dir) {
		return ""
	}
	return dir
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
	if dir := s.Get(SSOCacheDir); dir != "" {
		if !filepath.IsAbs(dir) {
			return "" // nothing is kept in the working directory
		}
		return dir
	}
	return s.appDir(XDGCacheHome, LocalAppData, ".cache", "Library/Caches")
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
	return under(base, app)
}

func under(dir, rest string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, filepath.FromSlash(rest))
}
