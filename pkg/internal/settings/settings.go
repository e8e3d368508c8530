// Package settings owns our own configuration file, config.toml: which registry
// is mapped to which profile, whether get may sign in, and where tokens are
// kept.
//
// It never guesses: an unknown key or value is an error with its line. An edit
// changes one line and keeps every other byte. It may import floors 0 and 1 and
// the TOML library (floor 2). Package profile reads the mappings; the command
// and setup edit them.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// maxSize bounds the file, in bytes: a thousand mappings fit, and parsing more costs
// more than a login may.
const maxSize = 64 << 10

// The values of login, cache and on_error; the first of each is the default.
const (
	LoginAuto     = "auto"     // get may sign in when a person is at the terminal
	LoginNever    = "never"    // get never does
	CacheFile     = "file"     // one 0600 file per token
	CacheKeychain = "keychain" // the same, encrypted with a key from the keychain
	CacheNone     = "none"     // nothing is kept

	OnErrorAuto     = "auto"      // not-found for clients that ask about every registry, the error for others
	OnErrorError    = "error"     // the error for every client
	OnErrorNotFound = "not-found" // not-found for every client
)

// Settings is what the file says, defaults filled in.
type Settings struct {
	Registries map[string]string // host pattern, lower case -> profile
	Login      string            // LoginAuto or LoginNever
	Cache      string            // CacheFile, CacheKeychain or CacheNone
	Keychain   string            // which docker-credential-NAME; empty: the platform's
	Path       string            // of the file, which need not exist
	OnError    string            // OnErrorAuto, OnErrorError or OnErrorNotFound
}

// Path returns where the file is looked for: ECR_SSO_CONFIG, where a leading ~
// is the home directory, else config.toml in our directory of the user's configuration
// directory. "" when there is no home directory either.
func Path(e env.Set) string {
	if path := e.Get(env.SSOConfig); path != "" {
		home := e.HomeDir()
		if home != "" && belowHome(path) {
			return filepath.Join(home, path[2:])
		}
		return path
	}
	dir := e.ConfigDir()
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "config.toml")
}

// belowHome reports whether path begins with ~ and a separator.
func belowHome(path string) bool {
	return len(path) > 1 && path[0] == '~' && os.IsPathSeparator(path[1])
}

// Load reads the file. A missing one, and an empty path, are the defaults. What
// cannot be understood is an *Error.
func Load(path string) (Settings, error) {
	d, err := read(path)
	if err != nil {
		return Settings{}, err
	}
	return d.settings, nil
}

// Chosen loads the file that e chooses. One that ECR_SSO_CONFIG names and that does not
// exist is an error: whoever named it meant its mappings.
func Chosen(e env.Set) (Settings, error) {
	path := Path(e)
	if _, err := os.Stat(path); e.Get(env.SSOConfig) != "" && errors.Is(err, fs.ErrNotExist) {
		name := env.SSOConfig.Name()
		return Settings{}, hint.With(fmt.Errorf("%s names %s, which does not exist", name, path), hint.UnsetCommand(name))
	}
	return Load(path)
}

// read takes the file apart; a missing one is an empty document.
func read(path string) (*document, error) {
	if path == "" {
		return parse(path, nil)
	}
	data, err := safefile.Read(path, maxSize)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err // it names the file
	}
	for _, check := range [...]func(string, []byte) error{safefile.CheckText, safefile.CheckLines} {
		if err := check(path, data); err != nil {
			return nil, err
		}
	}
	return parse(path, data)
}
