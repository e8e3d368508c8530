package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/keychain"
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
		return check("environment", OK, nil, "no variable with an effect is set")
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
		text := "%s works and has no key yet; the first login creates it"
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
