package programs

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// ParentName returns the name of the executable file that started this process, in
// lower case and without ".exe"; "" if the system does not report it. It only affects the
// form of an answer and is not a reason to trust the program, because a program can have
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

// ParentID identifies the process that started this one, from its start to its end: its
// process ID, and the time of its start where the system reports it, because ids are used
// again.
func ParentID() string {
	pid := os.Getppid()
	return strconv.Itoa(pid) + " " + startOf(pid)
}
