package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

// systemBinDir is in the PATH of nearly all programs, including programs started from a
// desktop.
const systemBinDir = "/usr/local/bin"

// onPath searches PATH for the helper by its file name, like Docker clients. Unlike
// programs.Find, it also reports non-executable files and relative entries.
func (x *checkup) onPath() Check {
	const title = "helper"
	file := hint.Program
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	var found, blocked, relative string
	usual := false
	for _, dir := range filepath.SplitList(x.Env.Get(env.Path)) {
		if !filepath.IsAbs(dir) {
			relative = fmt.Sprintf("; PATH has a relative entry (%q), so a helper in the current directory would be run", dir)
			continue
		}
		usual = usual || filepath.Clean(dir) == systemBinDir
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
		return check(title, Problem, []string{"chmod +x " + hint.PathArg(blocked, x.home)}, "%s is not executable%s", blocked, relative)
	case found == "":
		return check(title, Problem, x.install(usual), "%s is not on PATH, where docker looks for it%s", hint.Program, relative)
	case x.Self != "" && !sameFile(found, x.Self):
		return check(title, Warning, nil, "docker runs %s, but this program is %s%s", found, x.Self, relative)
	case relative != "":
		return check(title, Warning, nil, "%s%s", found, relative)
	}
	return check(title, OK, nil, "%s", found)
}

// install returns the commands that add the running program to PATH.
func (x *checkup) install(usual bool) []string {
	if x.Self == "" || runtime.GOOS == "windows" {
		return nil
	}
	var next []string
	if usual && filepath.Dir(x.Self) != systemBinDir {
		next = append(next, "sudo ln -sf "+hint.PathArg(x.Self, x.home)+" "+systemBinDir+"/"+hint.Program)
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

// serviceManagerTimeout limits a call to the service manager, which normally responds
// immediately.
const serviceManagerTimeout = 2 * time.Second

// launchdPath is the default PATH of graphical programs on macOS.
const launchdPath = "/usr/bin:/bin:/usr/sbin:/sbin"

// desktop checks whether graphical programs (an IDE, Docker Desktop) find the helper. They
// use the PATH of launchd or of systemd's user manager instead of the shell's PATH. There is
// no check without a desktop, or if the helper is not in the shell's PATH either.
func (x *checkup) desktop(ctx context.Context) []Check {
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
	if slices.Contains(dirs, systemBinDir) {
		next = append(next, "sudo ln -sf "+hint.PathArg(helper, x.home)+" "+systemBinDir+"/"+hint.Program)
	}
	if runtime.GOOS == "darwin" { // effective after a restart of the machine
		next = append(next, "sudo launchctl config user path "+hint.Arg(path+":"+filepath.Dir(helper)))
	} else { // effective for programs started from now on, until the session ends
		next = append(next, "systemctl --user set-environment PATH="+hint.Arg(path+":"+filepath.Dir(helper)))
	}
	return []Check{check(title, Warning, next, "graphical programs search %s, which does not contain %s", path, helper)}
}

// desktopPath returns the PATH of graphical programs. It returns false without a desktop.
func (x *checkup) desktopPath(ctx context.Context, goos string) (string, bool) {
	if x.Env.Get(env.SSHConnection) != "" {
		return "", false
	}
	switch goos {
	case "darwin":
		out, ok := x.output(ctx, "launchctl", "getenv", "PATH")
		if path := strings.TrimSpace(out); path != "" {
			return path, true
		}
		return launchdPath, ok
	case "linux":
		if x.Env.Get(env.Display) == "" && x.Env.Get(env.WaylandDisplay) == "" {
			return "", false
		}
		out, _ := x.output(ctx, "systemctl", "--user", "show-environment")
		for line := range strings.Lines(out) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "PATH="); ok {
				return systemdValue(path)
			}
		}
	}
	return "", false
}

// systemdValue decodes a value in the output of `systemctl show-environment`. systemd
// quotes a value with a blank or a special character like the shell: $'...'.
func systemdValue(text string) (value string, ok bool) {
	rest, quoted := strings.CutPrefix(text, "$'")
	if !quoted {
		return text, true
	}
	var b strings.Builder
	for rest != "'" {
		r, multibyte, tail, err := strconv.UnquoteChar(rest, '\'')
		if err != nil || !multibyte && r >= utf8.RuneSelf { // a byte that is not UTF-8
			return "", false
		}
		rest = tail
		b.WriteRune(r)
	}
	return b.String(), true
}

// output runs a system program and returns its output.
func (x *checkup) output(ctx context.Context, name string, args ...string) (string, bool) {
	path, err := programs.Find(x.Env, name)
	if err != nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, serviceManagerTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = programs.WithoutSecrets(programs.Environ(x.Env))
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	return string(out), err == nil
}
