package cli

import (
	"io/fs"
	"syscall"
)

// changed returns the time of the last change to a file's content, mode, owner or name.
func changed(info fs.FileInfo) any { return info.Sys().(*syscall.Stat_t).Ctim }
