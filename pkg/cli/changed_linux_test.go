package cli

import (
	"io/fs"
	"syscall"
)

// changed is when a file's content, mode, owner or name was last changed.
func changed(info fs.FileInfo) any { return info.Sys().(*syscall.Stat_t).Ctim }
