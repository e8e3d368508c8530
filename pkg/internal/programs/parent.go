package programs

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// ParentName returns the name of the executable file that started this process, in
// lower case and without ".exe". It is "" if the system does not report it. It affects only
// the output format. It is not a reason to trust the program, because a program can have
// any name.
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

// ParentID identifies the process that started this one, from its start to its end. It
// consists of the process ID and, if the system reports it, the start time. The start time
// is necessary because the system reuses IDs.
func ParentID() string {
	pid := os.Getppid()
	return strconv.Itoa(pid) + " " + startOf(pid)
}
