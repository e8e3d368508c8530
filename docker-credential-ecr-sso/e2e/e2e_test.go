//go:build e2e && linux

// Package e2e contains tests with real clients, such as Debian's Docker engine, skopeo and
// AWS CLI. The built helper is on their PATH. They connect to the fake AWS with AWS's real
// host names.
//
// The tests never use the network, or the machine's own Docker, home directory or AWS
// files. The package may import pkg/awstest and test libraries. No package imports it.
// `make e2e` runs the tests. A test whose client is missing is skipped with the reason.
package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

const (
	account  = "123456789012"
	other    = "210987654321"
	region   = "us-east-1"
	registry = account + ".dkr.ecr." + region + ".amazonaws.com"
	startURL = "https://corp.awsapps.com/start"
	session  = "corp"
	role     = "Push"
	helper   = "docker-credential-ecr-sso"
)

// stage contains the fake AWS, the built helper and the daemon. All tests share them.
// There is only one fake AWS, because the daemon reads its proxy setting on startup. The
// tests run sequentially, each with its own home directory.
type stage struct {
	dir    string // short, because Unix socket paths are limited to about 107 bytes
	aws    *awstest.AWS
	daemon *daemon // nil until the first test needs it
}

var shared *stage

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	s, err := newStage()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer s.close()
	shared = s
	return m.Run()
}

func newStage() (*stage, error) {
	dir, err := os.MkdirTemp("", "ecr")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir}
	if bin := os.Getenv(cellVariable); bin != "" {
		if err := errors.Join(setUpCell(), os.Symlink(bin, filepath.Join(dir, "bin"))); err != nil {
			s.close()
			return nil, err
		}
	} else if err := build(filepath.Join(dir, "bin", helper)); err != nil {
		s.close()
		return nil, err
	}
	if s.aws, err = awstest.New(awstest.Options{}); err != nil {
		s.close()
		return nil, err
	}
	s.aws.AddInstance(startURL, region)
	s.aws.AddAccount(account, "prod", "prod@corp.example", role)
	s.aws.AddAccount(other, "dev", "dev@corp.example", role)
	return s, nil
}

// build builds the helper like `make build`.
func build(to string) error {
	cmd := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", to, "../")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func (s *stage) close() {
	if s.daemon != nil {
		s.daemon.stop()
	}
	if s.aws != nil {
		s.aws.Close()
	}
	if err := os.RemoveAll(s.dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
}
