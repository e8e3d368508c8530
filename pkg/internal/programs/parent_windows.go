package programs

import (
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// parentFile searches a process snapshot (toolhelp).
func parentFile(pid int) string {
	snapshot, err := syscall.CreateToolhelp32Snapshot(syscall.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return ""
	}
	defer syscall.CloseHandle(snapshot) //nolint:errcheck // nothing depends on it
	var entry syscall.ProcessEntry32
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = syscall.Process32First(snapshot, &entry); err == nil; err = syscall.Process32Next(snapshot, &entry) {
		if int(entry.ProcessID) == pid {
			return syscall.UTF16ToString(entry.ExeFile[:])
		}
	}
	return ""
}

// startOf returns the start time in nanoseconds.
func startOf(pid int) string {
	start, ok := startTime(uint32(pid)) //nolint:gosec // a process id is a DWORD
	if !ok {
		return ""
	}
	return strconv.FormatInt(start, 10)
}

// startTime returns the start time of a process in nanoseconds. Windows soon reuses the ID
// of an ended process.
func startTime(pid uint32) (start int64, ok bool) {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return 0, false
	}
	defer func() { _ = windows.CloseHandle(process) }()
	var created, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(process, &created, &ended, &kernel, &user) != nil {
		return 0, false
	}
	return created.Nanoseconds(), true
}
