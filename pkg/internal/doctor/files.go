package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/keychain"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// settings checks our own settings file.
func (x *checkup) settings() Check {
	const title = "settings"
	path := settings.Path(x.Env)
	s, err := settings.LoadFor(x.Env)
	switch {
	case err != nil:
		return x.unreadable(title, path, err)
	case path == "":
		return check(title, OK, nil, "no home directory, so the defaults apply")
	case !exists(path):
		return check(title, OK, nil, "%s does not exist, so the defaults apply", path)
	case s.Ignored != nil:
		cause, next := splitError(s.Ignored)
		return check(title, Problem, next, "%s", cause)
	}
	return check(title, OK, nil, "%s: %s, login = %s, cache = %s", path, hint.Count(len(s.Registries), "mapping"), s.Login, s.Cache)
}

// awsFiles checks the AWS configuration: which files are in use, whether the AWS CLI can
// read them, and whether the credentials of each profile can be resolved.
func (x *checkup) awsFiles() Check {
	const title = "aws config"
	paths := awsconfig.DefaultPaths(x.Env, x.home)
	if x.configErr != nil {
		cause, next := splitError(x.configErr)
		return check(title, Problem, next, "%s", cause)
	}
	files, missing := x.awsPaths(paths)
	if missing != "" {
		return check(title, Warning, []string{hint.UnsetCommand(strings.Fields(missing)[0])}, "%s", missing)
	}
	for _, path := range []string{paths.Config, paths.Credentials} {
		if err := awsconfig.CheckCLI(path); err != nil {
			cause, next := splitError(err)
			return check(title, Warning, next, "%s", cause)
		}
	}
	if len(x.config.Profiles) == 0 && paths.Config == "" { // directories has the command
		return check(title, Skipped, nil, "no home directory and no %s", env.AWSConfigFile.Name())
	}
	if len(x.config.Profiles) == 0 {
		return check(title, Warning, configure(""), "no profile in %s", strings.Join(files, " and "))
	}
	if broken, ok := x.brokenProfiles(title); ok {
		return broken
	}
	if odd := slices.Concat(awsconfig.OddValues(paths.Config), awsconfig.OddValues(paths.Credentials)); len(odd) > 0 {
		cause, next := splitError(odd[0])
		if len(odd) > 1 {
			cause += fmt.Sprintf(", and %s like it", hint.Count(len(odd)-1, "line"))
		}
		return check(title, Warning, next, "%s", cause)
	}
	sso, _ := x.config.SSOProfiles()
	return check(title, OK, nil, "%s: %s, %d with SSO, %s", strings.Join(files, " and "),
		hint.Count(len(x.config.Profiles), "profile"), len(sso), hint.Count(len(x.config.Sessions), "session"))
}

// brokenProfiles warns about profiles whose credentials cannot be resolved. It reports the
// cause for the first profile and the names of the other profiles. It omits a profile with a
// fault in its source_profile that is already listed.
func (x *checkup) brokenProfiles(title string) (Check, bool) {
	var first error
	var others []string
	causes := map[string]bool{}
	for _, p := range x.config.Profiles {
		_, err := x.config.Origin(p.Name)
		if err == nil || causes[err.Error()] {
			continue
		}
		causes[err.Error()] = true
		if first == nil {
			first = err
		} else {
			others = append(others, p.Name)
		}
	}
	if first == nil {
		return Check{}, false
	}
	more := ""
	if len(others) > 0 {
		more = fmt.Sprintf(", and %s cannot be used either", firstFew(others))
	}
	path := x.config.Paths.Config
	return check(title, Warning, x.completeProfile(first, path), "%s: %v%s", path, first, more), true
}

// completeProfile returns the command that completes the profile in an error. If configure
// cannot determine the intended values, it returns the command that opens the file.
func (x *checkup) completeProfile(err error, path string) []string {
	var profile string
	if e, ok := errors.AsType[*awsconfig.OriginError](err); ok {
		profile = e.Unusable
	} else if e, ok := errors.AsType[*awsconfig.SessionMissingError](err); ok {
		profile = e.Profile
	} else if e, ok := errors.AsType[*awsconfig.IncompleteError](err); ok {
		profile = e.Profile
	} else if e, ok := errors.AsType[*awsconfig.ConflictError](err); ok {
		profile = e.Profile
	} else if e, ok := errors.AsType[*awsconfig.AccountError](err); ok {
		profile = e.Profile
	}
	if profile == "" {
		return []string{hint.EditCommand(path, x.home, 0)}
	}
	return configure(profile)
}

// awsPaths returns the files in use. missing describes a file that a variable names but
// that does not exist.
func (x *checkup) awsPaths(paths awsconfig.Paths) (files []string, missing string) {
	for _, f := range []struct {
		path string
		by   env.Var
	}{{paths.Config, env.AWSConfigFile}, {paths.Credentials, env.AWSSharedCredentialsFile}} {
		set := x.Env.Get(f.by) != ""
		there := f.path == os.DevNull || exists(f.path)
		switch {
		case set && !there:
			missing = fmt.Sprintf("%s names %s, which does not exist", f.by.Name(), f.path)
		case set:
			files = append(files, f.path+" ("+f.by.Name()+")")
		case there:
			files = append(files, f.path)
		}
	}
	if len(files) == 0 && paths.Config != "" {
		files = []string{paths.Config + " (it does not exist)"}
	}
	return files, missing
}

// environment lists the variables that are set and have an effect. It omits a value that
// may contain a secret.
func (x *checkup) environment() Check {
	var set []string
	for i, row := range env.Table() {
		value := x.Env.Get(env.Var(i))
		if value == "" {
			continue
		}
		if row.Owner != env.System || slices.Contains(network, env.Var(i)) {
			set = append(set, row.Name+shown(row, value))
		}
	}
	if len(set) == 0 {
		return check("environment", OK, nil, "no relevant variable is set")
	}
	return check("environment", OK, nil, "%s", strings.Join(set, ", "))
}

// network lists CI and the system variables that affect connections to AWS.
var network = []env.Var{env.HTTPSProxy, env.HTTPSProxyLower, env.NoProxy, env.NoProxyLower, env.SSLCertFile, env.SSLCertDir, env.CI}

func shown(row env.Row, value string) string {
	switch {
	case row.Secret:
		return " (set)"
	case strings.Contains(value, "://"):
		u, err := url.Parse(value)
		if err != nil {
			return " (set)"
		}
		return "=" + u.Scheme + "://" + u.Host + u.Path // no user name, no query
	case strings.Contains(value, "@"):
		return " (set)"
	}
	return "=" + hint.Clean(value, 120)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// directories reports an unusable home or cache directory.
func (x *checkup) directories() []Check {
	var out []Check
	_, home := x.Env.FindHome()
	if none, ok := errors.AsType[*env.NoDirError](home); ok {
		out = append(out, check("home", Problem, []string{none.Command}, "none: %s", none.Cause))
	}
	_, cache := x.Env.FindCacheDir()
	if none, ok := errors.AsType[*env.NoDirError](cache); ok && errors.Is(none, env.ErrNoCache) {
		out = append(out, check("cache", Problem, []string{none.Command}, "%s, so nothing is cached", none.Cause))
	}
	return out
}

// keychain checks the keychain that the settings name for the encryption of logins. Without
// it, logins are not cached.
func (x *checkup) keychain(ctx context.Context) []Check {
	const title = "keychain"
	s, err := settings.LoadFor(x.Env)
	if err != nil || s.Cache != settings.CacheKeychain {
		return nil
	}
	k := keychain.New(x.Env, s.Keychain, "")
	switch _, err = k.Look(ctx); {
	case errors.Is(err, keychain.ErrNoKey):
		text := "%s works but has no key yet; the first login creates it"
		if k.Program() == "docker-credential-pass" {
			// Before `pass init`, the keychain program returns the same result. Only an attempt to
			// store a key shows the difference.
			text += " (after `pass init`)"
		}
		return []Check{check(title, OK, nil, text, k.Program())}
	case err != nil:
		return []Check{check(title, Warning, []string{k.Program() + " list"}, "%v, so nothing is cached", err)}
	}
	return []Check{check(title, OK, nil, "%s has the key", k.Program())}
}

const (
	maxFiles = 1000 // number of files to check in a directory
	maxNamed = 4    // number of files in a command
)

// modes checks whether other users can read the files with secrets, or change the files
// that determine which programs run and where credentials are sent.
func (x *checkup) modes() Check {
	const title = "file modes"
	if runtime.GOOS == "windows" {
		return check(title, Skipped, nil, "Windows uses access lists")
	}
	cache := x.Env.CacheDir()
	if cache != "" {
		if bad, ok := errors.AsType[*safefile.NotTrustedError](safefile.CheckDir(cache)); ok {
			return check(title, Warning, []string{x.trustCommand(bad)}, "%v, so nothing is cached", bad)
		}
		if why, next := x.cacheNotWritable(cache); why != "" {
			return check(title, Warning, next, "%s, so nothing is cached", why)
		}
	}
	if why, command := x.awsNotWritable(); command != "" {
		return check(title, Warning, []string{command}, "%s, so nothing can be written there", why)
	}
	var open []string
	for _, path := range x.secretFiles(cache) {
		if x.isOpen(path, 0o077) {
			open = append(open, path)
		}
	}
	what, mode := "other users can read", "go-rwx"
	if len(open) == 0 {
		what, mode = "other users can change", "go-w"
		for _, path := range x.trustedFiles() {
			if x.isOpen(path, 0o022) {
				open = append(open, path)
			}
		}
	}
	if len(open) == 0 {
		return check(title, OK, nil, "only you can read the files with secrets")
	}
	var named []string
	for _, path := range open[:min(len(open), maxNamed)] {
		named = append(named, hint.PathArg(path, x.home))
	}
	return check(title, Warning, []string{"chmod " + mode + " " + strings.Join(named, " ")}, "%s %s", what, firstFew(open))
}

// trustCommand returns the fix command for an untrusted cache directory.
func (x *checkup) trustCommand(bad *safefile.NotTrustedError) string {
	info, err := os.Stat(bad.Path)
	switch {
	case bad.Owner:
		return fmt.Sprintf("sudo chown -R %d %s", os.Geteuid(), hint.PathArg(bad.Path, x.home))
	case err == nil && info.IsDir():
		return "chmod go-rwx " + hint.PathArg(bad.Path, x.home)
	case x.Env.Get(env.SSOCacheDir) != "":
		return hint.UnsetCommand(env.SSOCacheDir.Name())
	}
	return "mv " + hint.PathArg(bad.Path, x.home) + " " + hint.PathArg(bad.Path+".old", x.home)
}

// cacheNotWritable returns the reason why no login can be cached, and the command that
// fixes it, if one is known.
func (x *checkup) cacheNotWritable(cache string) (why string, next []string) {
	file := filepath.Join(cache, "file")
	err := safefile.CheckWritable(file, 1)
	if err == nil {
		return "", nil
	}
	err = safefile.ExplainWrite(file, err)
	why, next = err.Error(), hint.Next(err)
	if cause, command := safefile.Repair(file, hint.DoctorCommand("")); command != "" {
		why, next = cause, []string{command}
	}
	if x.Env.Get(env.SSOCacheDir) != "" {
		next = []string{hint.UnsetCommand(env.SSOCacheDir.Name())}
	}
	return why, next
}

// awsNotWritable looks for a directory of the AWS CLI that this user cannot write to, such
// as a directory that a command created under sudo.
func (x *checkup) awsNotWritable() (why, command string) {
	for _, tool := range []string{"sso", "cli"} {
		dir, err := env.AWSFile(x.home, tool, "cache")
		if err != nil {
			continue
		}
		if why, command := safefile.Repair(filepath.Join(dir, "file"), hint.DoctorCommand("")); command != "" {
			return why, command
		}
	}
	return "", ""
}

func (x *checkup) isOpen(path string, bits fs.FileMode) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&bits != 0
}

// secretFiles lists the existing files with secrets.
func (x *checkup) secretFiles(cache string) []string {
	var files []string
	if x.config != nil {
		files = append(files, x.config.Paths.Credentials)
	}
	if c := x.dockerFile; c != nil && len(c.AuthHosts) > 0 {
		files = append(files, c.Path)
	}
	for _, f := range x.podmanFile {
		if f.err == nil && len(f.AuthHosts) > 0 {
			files = append(files, f.path)
		}
	}
	dirs := []string{cache}
	for _, tool := range []string{"sso", "cli"} {
		if dir, err := env.AWSFile(x.home, tool, "cache"); err == nil {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		files = append(files, jsonFiles(dir)...)
	}
	return files
}

// trustedFiles lists the files that determine which programs run and where credentials are
// sent.
func (x *checkup) trustedFiles() []string {
	files := []string{settings.Path(x.Env), x.Env.Get(env.SSOLog)}
	if x.config != nil {
		files = append(files, x.config.Paths.Config)
	}
	if x.dockerFile != nil {
		files = append(files, x.dockerFile.Path)
	}
	return files
}

func jsonFiles(dir string) []string {
	d, err := os.Open(dir)
	if dir == "" || err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxFiles) // an error may also return some names
	var files []string
	for _, name := range names {
		if filepath.Ext(name) == ".json" {
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files
}
