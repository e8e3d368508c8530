//go:build !linux

package safefile

// readOnlyMount returns "": only Linux lists its mounts in a file.
func readOnlyMount(string) (mount, command string) { return "", "" }
