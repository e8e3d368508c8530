package programs

import (
	"os"
	"strconv"
	"strings"
)

// parentFile reads /proc: the link to the executable or, for a process of another user,
// whose link cannot be read, the process name.
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

// startOf reads the 22nd field of /proc/PID/stat, in ticks since the boot (proc_pid_stat(5)).
// The second field, the name in brackets, can contain anything.
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
