package awsconfig

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// Paths are the two files. An empty path is a file that does not exist.
type Paths struct{ Config, Credentials string }

// DefaultPaths returns AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or the
// files below .aws in home. A leading ~ or $HOME is expanded, as the AWS CLI
// does and the Go SDK does not. Without a home directory the defaults are
// empty: nothing is looked for in the working directory.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
func DefaultPaths(e env.Set, home string) Paths {
	return Paths{
		Config:      path(e.Get(env.AWSConfigFile), home, "config"),
		Credentials: path(e.Get(env.AWSSharedCredentialsFile), home, "credentials"),
	}
}

func path(set, home, name string) string {
	switch {
	case set == "" && home == "":
		return ""
	case set == "":
		file, _ := env.AWSFile(home, name)
		return file
	}
	for _, prefix := range []string{"~", "$HOME", "${HOME}"} {
		rest, ok := strings.CutPrefix(set, prefix)
		if ok && home != "" && (rest == "" || os.IsPathSeparator(rest[0])) {
			return filepath.Join(home, rest)
		}
	}
	return set
}
