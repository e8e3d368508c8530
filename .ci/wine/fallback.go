//go:build windows

package fallback

import _ "unsafe" // for go:linkname

// deleteFallback links to a variable for Go's own tests
// (internal/syscall/windows/at_windows.go). If it is true, os.RemoveAll does not need
// FILE_DISPOSITION_POSIX_SEMANTICS, which Debian 12's wine lacks.
//
//go:linkname deleteFallback internal/syscall/windows.TestDeleteatFallback
var deleteFallback bool

func init() { deleteFallback = true }
