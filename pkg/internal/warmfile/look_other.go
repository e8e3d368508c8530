//go:build !linux

package warmfile

// Supported tells whether this system has warm answers at all. Elsewhere a
// program cannot see its arguments this early (docs/decisions/0009).
const Supported = false

// Look finds nothing out.
func Look(path string) (File, bool) { return File{Path: path}, false }

// LookSettled finds nothing out.
func LookSettled(path string, _ int64) (File, bool) { return File{Path: path}, false }
