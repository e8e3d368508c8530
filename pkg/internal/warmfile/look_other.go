//go:build !linux

package warmfile

// Supported reports whether this system has warm answers. Only on Linux can a program
// read its arguments this early (docs/decisions/0009).
const Supported = false

// Look is not supported here.
func Look(path string) (File, bool) { return File{Path: path}, false }

// LookSettled is not supported here.
func LookSettled(path string, _ int64) (File, bool) { return File{Path: path}, false }
