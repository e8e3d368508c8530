package login

import "golang.org/x/sys/windows"

// systemDirectory is where Windows has its own programs, whatever the environment
// says.
func systemDirectory() string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return ""
	}
	return dir
}
