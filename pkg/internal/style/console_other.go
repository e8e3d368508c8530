//go:build !windows

package style

import "os"

func canMove(kind string) bool { return kind != "" && kind != "dumb" }

// enableEscapes is needed only on Windows.
func enableEscapes(*os.File) bool { return true }
