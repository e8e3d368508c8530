//go:build !windows

package login

// systemDirectory is a thing of Windows.
func systemDirectory() string { return "" }
