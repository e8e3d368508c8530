// Package programs owns how other people's programs are found, with which
// environment they run, and that what they start ends with them: never by way of
// the working directory, which may belong to whoever wrote the repository in it, and
// never with a secret in a variable that the program has no use for.
//
// It bounds what is kept of what they print, and never starts one. It may import env
// and the standard library (floor 1). The rooms that start programs call it: login
// the browser, awsclient a profile's credential_process, keychain a
// docker-credential-* helper.
package programs

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// Find returns the absolute path of a program in the absolute entries of PATH;
// one named with a directory must be absolute.
func Find(e env.Set, name string) (string, error) {
	if strings.ContainsAny(name, `/\`) {
		if !filepath.IsAbs(name) {
			return "", fmt.Errorf("%q is a relative path, refused", name)
		}
		return exec.LookPath(name)
	}
	for _, dir := range filepath.SplitList(e.Get(env.Path)) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%q is not on PATH", name)
}

// CleanPath returns environ without the empty and relative entries of PATH: a
// shell would look into the working directory for what it is told to run.
func CleanPath(environ []string) []string {
	clean := slices.Clone(environ)
	for i, kv := range clean {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.EqualFold(name, env.Path.Name()) {
			continue
		}
		dirs := slices.DeleteFunc(filepath.SplitList(value), func(dir string) bool { return !filepath.IsAbs(dir) })
		clean[i] = name + "=" + strings.Join(dirs, string(filepath.ListSeparator))
	}
	return clean
}

// WithoutSecrets returns environ without the keys and tokens of AWS and Docker, by the
// table of env. A proxy's password stays: it is for every program of the person's.
func WithoutSecrets(environ []string) []string {
	secret := map[string]bool{}
	for _, row := range env.Table() {
		secret[strings.ToUpper(row.Name)] = row.Secret && row.Owner != env.System
	}
	return slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return secret[strings.ToUpper(name)]
	})
}
