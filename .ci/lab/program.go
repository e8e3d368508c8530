package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Helper is our program's name.
const Helper = "docker-credential-ecr-sso"

const modulePath = "github.com/ecr-sso/" + Helper

// Build builds our helper into dir as `make build` does, and tells its path. The
// working directory has to be in this module.
func Build(dir string) (string, error) { return build(dir, Helper, modulePath+"/"+Helper) }

// BuildCommand builds another command of this module, .ci/lab/cmd/trap for one, into
// dir, and tells its path.
func BuildCommand(dir, pkg string) (string, error) {
	return build(dir, filepath.Base(pkg), modulePath+"/"+pkg)
}

// build builds one of this module's commands.
func build(dir, name, pkg string) (string, error) {
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// Bench runs programs. Its launcher is a parent so small that what the system says of
// a child's memory is the child's: Linux counts the parent's, which a child shares
// until it executes its program.
type Bench struct {
	launcher, dir string
	mu            sync.Mutex
	tools         map[string]string // by package; guarded by mu
}

// NewBench builds the launcher into dir.
func NewBench(dir string) (*Bench, error) {
	launcher, err := build(dir, "launch", modulePath+"/pkg/lab/cmd/launch")
	if err != nil {
		return nil, err
	}
	return &Bench{launcher: launcher, dir: dir, tools: map[string]string{}}, nil
}

// Tool is the path of another command of this module, built when it is first asked for.
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
