//go:build !linux

package main

// harden has no equivalent elsewhere that children would not inherit.
func harden() {}
