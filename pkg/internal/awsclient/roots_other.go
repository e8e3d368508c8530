//go:build darwin || windows

package awsclient

// The platform verifies certificates itself here.
func bundleFiles() []string { return nil }
func bundleDirs() []string  { return nil }
