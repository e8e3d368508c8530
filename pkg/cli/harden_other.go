//go:build !linux

package cli

// harden has no equivalent elsewhere that children would not inherit.
func harden() {}
