//go:build !linux

package safefile

import (
	"path/filepath"
	"runtime"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// readOnlyMount returns "": only Linux lists its mounts in a file.
func readOnlyMount(string) (mount, command string) { return "", "" }

// freeSpace returns the command that shows how much of the file system at path is used.
// Windows has no such command in every shell.
func freeSpace(path string) string {
	if runtime.GOOS == "windows" {
		return ""
	}
	return "df -h " + hint.Arg(filepath.Dir(path))
}
