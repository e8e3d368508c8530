package programs

import (
	"syscall"
	"unsafe"
)

// parentFile searches a snapshot of the processes (toolhelp).
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

func startOf(int) string { return "" }
