//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// The peer, as a Go module.
const (
	peerModule  = "github.com/awslabs/amazon-ecr-credential-helper/ecr-login"
	peerVersion = "v0.12.0"
	peerName    = "amazon-ecr-credential-helper"
	peerBinary  = "docker-credential-ecr-login"
)

// programs contains the paths of the programs.
type programs struct{ empty, helper, peer string }

// buildPrograms builds the programs that are not in the options. It writes them to dir.
// It builds the peer only if peer is true.
func buildPrograms(dir string, o options, peer bool) (p programs, err error) {
	if p.empty, err = buildEmpty(dir); err != nil {
		return p, err
	}
	if p.helper = o.ours; p.helper == "" {
		if p.helper, err = lab.Build(dir); err != nil {
			return p, err
		}
	}
	if p.peer = o.theirs; p.peer == "" && peer {
		if p.peer, err = buildPeer(dir); err != nil {
			return p, err
		}
	}
	for _, path := range []*string{&p.empty, &p.helper, &p.peer} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return p, err
		}
		if _, err := os.Stat(*path); err != nil {
			return p, err
		}
		if !o.installed {
			continue
		}
		if *path, err = install(filepath.Join(dir, "installed"), *path); err != nil {
			return p, err
		}
	}
	return p, nil
}

// install copies a program to a directory with cp, as a user does. The linker writes single
// pages in the kernel's cache through a memory map. A program in such a file starts more
// slowly. How much of it is resident depends on the size of the writes (docs/performance.md).
func install(dir, program string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(program))
	if out, err := exec.Command("cp", program, path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
}

// buildEmpty builds the empty program with the flags of `make build`.
func buildEmpty(dir string) (string, error) {
	source, path := filepath.Join(dir, "empty.go"), filepath.Join(dir, "empty")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return "", err
	}
	return path, goTool(dir, nil, "build", "-trimpath", "-ldflags", "-s -w", "-o", path, source)
}

// buildPeer builds the peer with its own release flags (from its Makefile): no cgo,
// -trimpath, -s, an empty build ID.
func buildPeer(dir string) (string, error) {
	return filepath.Join(dir, peerBinary), goTool(dir, []string{"GOBIN=" + dir}, "install", "-trimpath", "-ldflags", "-s -buildid=",
		peerModule+"/cli/"+peerBinary+"@"+peerVersion)
}

func goTool(dir string, env []string, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", args[0], err, out)
	}
	return nil
}
