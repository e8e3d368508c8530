package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Helper is our program's name.
const Helper = "docker-credential-ecr-sso"

const modulePath = "github.com/ecr-sso/" + Helper

// Build builds our helper like `make build` and returns its path. dir is the output
// directory, an absolute path. The working directory must be in this module or in the
// helper's.
func Build(dir string) (string, error) { return BuildCommand(dir, Helper) }

// BuildCommand builds a command from the checkout into dir and returns its path. pkg is
// relative to the top of the checkout, for example pkg/awstest/cmd/awstest or
// .ci/lab/cmd/trap.
func BuildCommand(dir, pkg string) (string, error) {
	top, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", modulePath).Output()
	if err != nil {
		return "", fmt.Errorf("go list -m %s: %w", modulePath, err)
	}
	module := strings.TrimSpace(string(top))
	if below, ok := strings.CutPrefix(pkg, ".ci/lab/"); ok {
		module, pkg = filepath.Join(module, ".ci", "lab"), below
	}
	path := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-C", module, "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", path, "./"+pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// Bench runs programs. A small launcher starts them, because Linux counts the parent's
// memory as the child's until the child executes its program.
type Bench struct {
	launcher, dir string
	mu            sync.Mutex
	tools         map[string]string // by package; guarded by mu
}

// NewBench builds the launcher into dir.
func NewBench(dir string) (*Bench, error) {
	launcher, err := BuildCommand(dir, ".ci/lab/cmd/launch")
	if err != nil {
		return nil, err
	}
	return &Bench{launcher: launcher, dir: dir, tools: map[string]string{}}, nil
}

// Tool returns the path of a command in the checkout and builds it on first use.
func (b *Bench) Tool(pkg string) (path string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if path = b.tools[pkg]; path != "" {
		return path, nil
	}
	if path, err = BuildCommand(b.dir, pkg); err == nil {
		b.tools[pkg] = path
	}
	return path, err
}
