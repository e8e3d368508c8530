//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// shim is a credential helper that runs the AWS CLI.
//
//go:embed testdata/docker-credential-aws-cli
var shim []byte

// cliFamilies are the families that run on the AWS CLI: failures between the AWS CLI and
// AWS, its files, and many processes at once. The AWS CLI has no login cache. The stdin
// and signal families would test the shim instead.
var cliFamilies = regexp.MustCompile(`^F-(net|svc|time|edit|par)-`)

// interpreter is the memory used by Python and the AWS CLI's modules after startup. It is
// added to a helper's memory limit.
const interpreter = 64 << 20

// awsCLI returns a helper that runs `aws ecr get-login-password` through the shim. It
// writes the shim to dir.
func awsCLI(program, dir string) (helper, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return helper{}, fmt.Errorf("the AWS CLI (Debian: apt-get install awscli): %w", err)
	}
	at := filepath.Join(dir, "docker-credential-aws-cli")
	if err := os.WriteFile(at, shim, 0o755); err != nil {
		return helper{}, err
	}
	return helper{name: "aws ecr get-login-password", path: at, cli: absolute(path), cache: filepath.Join(".aws", "cli", "cache"), resting: interpreter}, nil
}
