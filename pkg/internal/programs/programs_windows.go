package programs

import (
	"os/exec"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Group makes the end of cmd's context also end all programs that cmd has started. cmd must
// be created by exec.CommandContext. Windows has no process groups to kill. Instead, Group
// puts the program and its descendants into a job object, which ends them all together.
func Group(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		endTree(uint32(cmd.Process.Pid)) //nolint:gosec // a process id is a DWORD
		return cmd.Process.Kill()
	}
}

// Detach does nothing: a console's Ctrl-C does not affect GUI programs.
func Detach(*exec.Cmd) {}

// SystemDirectory returns the directory of Windows's own programs. Environment variables
// cannot change it.
func SystemDirectory() string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return ""
	}
	return dir
}

// endTree ends a process and its descendants. It does not find a descendant whose parent
// has already ended.
func endTree(pid uint32) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return
	}
	defer func() { _ = windows.CloseHandle(job) }()
	for _, id := range append(descendants(pid), pid) {
		process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, id)
		if err != nil {
			continue
		}
		if windows.AssignProcessToJobObject(job, process) != nil { // before Windows 8, if the process is in another job
			_ = windows.TerminateProcess(process, 1)
		}
		_ = windows.CloseHandle(process)
	}
	_ = windows.TerminateJobObject(job, 1)
}

// descendants returns the running processes that the process or one of its descendants
// started.
func descendants(pid uint32) []uint32 {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = windows.CloseHandle(snapshot) }()
	children := map[uint32][]uint32{}
	var entry windows.ProcessEntry32
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		children[entry.ParentProcessID] = append(children[entry.ParentProcessID], entry.ProcessID)
	}
	return below(pid, children, startTime)
}

// below returns the processes below pid. A process that is older than its parent is
// unrelated: its real parent has ended, and Windows has reused the parent's ID.
func below(pid uint32, children map[uint32][]uint32, startTime func(uint32) (int64, bool)) []uint32 {
	found := []uint32{pid}
	for i := 0; i < len(found); i++ {
		parent, ok := startTime(found[i])
		for _, child := range children[found[i]] {
			if start, known := startTime(child); ok && known && start >= parent {
				found = append(found, child)
			}
		}
		delete(children, found[i]) // avoids cycles
	}
	return found[1:]
}

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
