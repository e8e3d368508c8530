//go:build !unix

package prompt

import "os"

// resizes never tells: a resize shows at the next key here.
func resizes() (resized <-chan os.Signal, ignore func()) { return nil, func() {} }
