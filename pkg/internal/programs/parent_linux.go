package programs

import (
	"os"
	"strconv"
	"strings"
)

// parentFile reads /proc. It returns the target of the link to the executable. The link of
// another user's process is unreadable. In that case, parentFile returns the process name.
func parentFile(pid int) string {
	proc := "/proc/" + strconv.Itoa(pid)
	if path, err := os.Readlink(proc + "/exe"); err == nil {
		return strings.TrimSuffix(path, " (deleted)") // after an upgrade while the program runs
	}
	name, err := os.ReadFile(proc + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// startOf reads field 22 of /proc/PID/stat, in ticks since boot (proc_pid_stat(5)). Field 2,
// the name in parentheses, can contain any characters.
func startOf(pid int) string {
	const afterName = 22 - 3
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) <= afterName {
		return ""
	}
	return fields[afterName]
}
