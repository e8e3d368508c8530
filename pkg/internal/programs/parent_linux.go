package programs

import (
	"os"
	"strconv"
	"strings"
)

// parentFile reads /proc: the link to the executable, or, for another user's
// process, whose link is closed, the name that the kernel shows of it.
func parentFile(pid int) string {
	proc := "/proc/" + strconv.Itoa(pid)
	if path, err := os.Readlink(proc + "/exe"); err == nil {
		return strings.TrimSuffix(path, " (deleted)") // by an upgrade while it runs
	}
	name, err := os.ReadFile(proc + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}
