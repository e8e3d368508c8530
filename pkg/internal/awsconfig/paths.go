package awsconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Paths are the two files. An empty path means that the file does not exist.
type Paths struct {
	Config, Credentials string
	By                  string // the variable that sets Config; "" for the default path
}

// DefaultPaths returns AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or the files in
// .aws below home. It expands variables and a leading ~ in the two values, as the AWS CLI
// does and the Go SDK does not. Without a home directory the defaults are empty, so that
// no file in the working directory is read.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
func DefaultPaths(e env.Set, home string) Paths {
	p := Paths{
		Config:      path(e, env.AWSConfigFile, home, "config"),
		Credentials: path(e, env.AWSSharedCredentialsFile, home, "credentials"),
	}
	if e.Get(env.AWSConfigFile) != "" {
		p.By = env.AWSConfigFile.Name()
	}
	return p
}

func path(e env.Set, by env.Var, home, name string) string {
	set := e.Get(by)
	switch {
	case set == "" && home == "":
		return ""
	case set == "":
		file, _ := env.AWSFile(home, name)
		return file
	}
	set = e.Expand(set)
	if rest, ok := strings.CutPrefix(set, "~"); ok && home != "" && (rest == "" || os.IsPathSeparator(rest[0])) {
		return filepath.Join(home, rest)
	}
	return set
}

// Absent returns an error if the variable for the configuration file names a file that
// does not exist. This explains why a profile is not found; the AWS CLI and the SDKs do
// not report it.
func (c *Config) Absent() error {
	if !c.absent || c.Paths.By == "" {
		return nil
	}
	return hint.With(fmt.Errorf("%s names %s, which does not exist", c.Paths.By, c.Paths.Config), hint.UnsetCommand(c.Paths.By))
}
