package programs

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ParentName returns the name of the executable file that started this process, in
// lower case and without ".exe"; "" where the system does not tell. It is a hint for
// how to answer, never a reason to trust: any program can have any name.
func ParentName() string {
	name := parentFile(os.Getppid())
	if name == "" {
		return ""
	}
	name = strings.ToLower(filepath.Base(name))
	if runtime.GOOS == "windows" {
		name = strings.TrimSuffix(name, ".exe")
	}
	return name
}
