//go:build windows

package fallback

import _ "unsafe" // for go:linkname

// The variable is for tests of Go itself (internal/syscall/windows/at_windows.go): os.RemoveAll
// then does not need FILE_DISPOSITION_POSIX_SEMANTICS, which Debian 12's wine lacks.
//
//go:linkname deleteFallback internal/syscall/windows.TestDeleteatFallback
var deleteFallback bool

func init() { deleteFallback = true }
