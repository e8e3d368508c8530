package safefile

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// readOnlyMount returns the mount point for path and the command that makes it writable.
// The command is "" if the mount is writable or unknown.
func readOnlyMount(path string) (mount, command string) {
	at, _ := nearest(path)
	if resolved, err := filepath.EvalSymlinks(at); err == nil {
		at = resolved
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", ""
	}
	return readOnlyIn(string(table), at, os.Geteuid() == 0)
}

// readOnlyIn looks up path in the text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
// The fifth word of a line is the mount point, the sixth word is the mount's own options,
// and the last word is the file system's options. A later line overrides an earlier one.
func readOnlyIn(table, path string, root bool) (mount, command string) {
	var options, super string
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 {
			continue
		}
		point := mountEscapes.Replace(f[4])
		if len(point) >= len(mount) && (point == "/" || path == point || strings.HasPrefix(path, point+"/")) {
			mount, options, super = point, f[5], f[len(f)-1]
		}
	}
	how := "remount,rw"
	switch {
	case hasOption(super, "ro"):
	case hasOption(options, "ro"):
		how = "remount,bind,rw" // only this mount
	default:
		return mount, ""
	}
	command = "mount -o " + how + " " + hint.Arg(mount)
	if !root {
		command = "sudo " + command
	}
	return mount, command
}

// freeSpace returns the command that shows how much of the file system at path is used: its
// space, or its inodes if none is free (df(1)).
func freeSpace(path string) string {
	at, _ := nearest(path)
	show := "-h"
	var fs unix.Statfs_t
	if unix.Statfs(at, &fs) == nil && fs.Files > 0 && fs.Ffree == 0 {
		show = "-i"
	}
	return "df " + show + " " + hint.Arg(at)
}

// mountEscapes replaces the octal escapes that the kernel writes.
var mountEscapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func hasOption(options, option string) bool { return strings.Contains(","+options+",", ","+option+",") }
