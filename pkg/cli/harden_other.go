//go:build !linux

package cli

// harden does nothing. Other systems have no such setting, or child processes would inherit
// it.
func harden() {}
