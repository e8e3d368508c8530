//go:build !linux

package cli

// harden does nothing. Other systems have no such setting that child processes would
// not inherit.
func harden() {}
