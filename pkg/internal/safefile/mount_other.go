//go:build !linux

package safefile

// readOnlyMount returns "": only Linux has a file with a list of its mounts.
func readOnlyMount(string) (mount, command string) { return "", "" }
