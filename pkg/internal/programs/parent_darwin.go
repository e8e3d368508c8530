package programs

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// parentFile returns the name in the kernel's process table: the first 16 characters of the
// executable name.
func parentFile(pid int) string {
	process, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(process.Proc.P_comm[:])
}

// startOf returns the start time in microseconds.
func startOf(pid int) string {
	process, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return ""
	}
	start := process.Proc.P_starttime
	return strconv.FormatInt(start.Sec*1e6+int64(start.Usec), 10)
}
