package doctor

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

// desktopWait bounds the question to the service manager, which answers at once.
const desktopWait = 2 * time.Second

// launchdPath is the PATH of graphical programs on macOS, unless it was set.
const launchdPath = "/usr/bin:/bin:/usr/sbin:/sbin"

// desktop checks whether a graphical program (an IDE, Docker Desktop) finds the helper:
// such programs do not have the shell's PATH, but that of launchd or of systemd's user
// manager. There is no check without a desktop, or where the helper is not on the
// shell's PATH either.
func (x *examination) desktop(ctx context.Context) []Check {
	const title = "desktop"
	helper, err := programs.Find(x.Env, hint.Program)
	if err != nil {
		return nil
	}
	path, ok := x.desktopPath(ctx, runtime.GOOS)
	if !ok {
		return nil
	}
	dirs := filepath.SplitList(path)
	if _, err := programs.Find(env.FromMap(map[string]string{env.Path.Name(): path}), hint.Program); err == nil {
		return []Check{check(title, OK, nil, "graphical programs find the helper too")}
	}
	var next []string
	if slices.Contains(dirs, usualDir) {
		next = append(next, "sudo ln -sf "+x.shellPath(helper)+" "+usualDir+"/"+hint.Program)
	}
	if runtime.GOOS == "darwin" { // it counts from the next start of the machine
		next = append(next, "sudo launchctl config user path "+hint.Arg(path+":"+filepath.Dir(helper)))
	} else { // for the programs that are started from now on, until the session ends
		next = append(next, "systemctl --user set-environment PATH="+hint.Arg(path+":"+filepath.Dir(helper)))
	}
	return []Check{check(title, Warning, next, "graphical programs look in %s, and %s is not there", path, helper)}
}

// desktopPath asks for the PATH of graphical programs; false without a desktop.
func (x *examination) desktopPath(ctx context.Context, goos string) (string, bool) {
	if x.Env.Get(env.SSHConnection) != "" {
		return "", false
	}
	switch goos {
	case "darwin":
		out, ok := x.ask(ctx, "launchctl", "getenv", "PATH")
		if path := strings.TrimSpace(out); path != "" {
			return path, true
		}
		return launchdPath, ok
	case "linux":
		if x.Env.Get(env.Display) == "" && x.Env.Get(env.WaylandDisplay) == "" {
			return "", false
		}
		out, _ := x.ask(ctx, "systemctl", "--user", "show-environment")
		for line := range strings.Lines(out) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "PATH="); ok {
				// A value with special characters is quoted as the shell's $'...'.
				return path, !strings.HasPrefix(path, "$'")
			}
		}
	}
	return "", false
}

// ask runs a program of the system that only answers a question.
func (x *examination) ask(ctx context.Context, name string, args ...string) (string, bool) {
	path, err := programs.Find(x.Env, name)
	if err != nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, desktopWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = programs.WithoutSecrets(programs.CleanPath(cmd.Environ()))
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	return string(out), err == nil
}
