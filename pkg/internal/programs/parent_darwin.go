package programs

import "golang.org/x/sys/unix"

// parentFile asks the kernel for the process; it keeps the first 16 characters of
// the executable's name.
func parentFile(pid int) string {
	process, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return ""
	}
	return unix.ByteSliceToString(process.Proc.P_comm[:])
}
