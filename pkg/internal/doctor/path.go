package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// usualDir is where a program is found by everybody, also by one that was
// started from a desktop.
const usualDir = "/usr/local/bin"

// onPath looks for the helper as Docker clients do: by its file name, in PATH.
// The look-up is our own: os/exec's would run what lies in a relative entry.
func (x *examination) onPath() Check {
	const title = "helper"
	file := hint.Program
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	var found, blocked, relative string
	usual := false
	for _, dir := range filepath.SplitList(x.Env.Get(env.Path)) {
		if !filepath.IsAbs(dir) {
			relative = fmt.Sprintf("; PATH has a relative entry (%q), where anybody's directory can put a helper", dir)
			continue
		}
		usual = usual || filepath.Clean(dir) == usualDir
		path := filepath.Join(dir, file)
		info, err := os.Stat(path)
		switch {
		case err != nil || info.IsDir() || found != "":
		case runtime.GOOS != "windows" && info.Mode().Perm()&0o111 == 0:
			blocked = path
		default:
			found = path
		}
	}
	switch {
	case found == "" && blocked != "":
		return check(title, Problem, []string{"chmod +x " + x.shellPath(blocked)}, "%s is not executable%s", blocked, relative)
	case found == "":
		return check(title, Problem, x.install(usual), "%s is not on PATH, where docker looks for it%s", hint.Program, relative)
	case x.Self != "" && !sameFile(found, x.Self):
		return check(title, Warning, nil, "docker runs %s, this one is %s%s", found, x.Self, relative)
	case relative != "":
		return check(title, Warning, nil, "%s%s", found, relative)
	}
	return check(title, OK, nil, "%s", found)
}

// install lists the commands that put the running program on PATH.
func (x *examination) install(usual bool) []string {
	if x.Self == "" || runtime.GOOS == "windows" {
		return nil
	}
	var next []string
	if usual && filepath.Dir(x.Self) != usualDir {
		next = append(next, "sudo ln -sf "+x.shellPath(x.Self)+" "+usualDir+"/"+hint.Program)
	}
	if filepath.Base(x.Self) == hint.Program {
		next = append(next, `export PATH="$PATH":`+hint.Arg(filepath.Dir(x.Self)))
	}
	return next
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA != nil || errB != nil {
		return strings.EqualFold(a, b)
	}
	return os.SameFile(infoA, infoB)
}
