package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

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
		if next, detail := x.notWritable(cache); detail != "" {
			return check(title, Warning, []string{next}, "%s", detail)
		}
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

// notWritable looks for a directory that this user cannot write to, such as a directory that
// a command created under sudo.
func (x *checkup) notWritable(cache string) (next, detail string) {
	dirs := []string{cache}
	for _, tool := range []string{"sso", "cli"} {
		if dir, err := env.AWSFile(x.home, tool, "cache"); err == nil {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		if why, command := safefile.Repair(filepath.Join(dir, "file"), hint.DoctorCommand("")); command != "" {
			return command, why + ", so nothing can be written there"
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
