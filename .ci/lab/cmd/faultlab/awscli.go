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

// shim makes a helper of the AWS CLI.
//
//go:embed testdata/docker-credential-aws-cli
var shim []byte

// cliFamilies are what is asked of the AWS CLI: what goes wrong between it and AWS, its
// files, and many at once. It has no cache of logins, and what it does with a helper's
// stdin and signals would be said of the shim.
var cliFamilies = regexp.MustCompile(`^F-(net|svc|time|edit|par)-`)

// interpreter is what Python and the AWS CLI's modules hold before they do anything;
// it comes on top of what a helper may hold.
const interpreter = 64 << 20

// awsCLI is `aws ecr get-login-password` behind the shim, which is put into dir.
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
