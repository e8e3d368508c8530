//go:build unix && !linux

package cli

import "io/fs"

func changed(info fs.FileInfo) any { return info.ModTime() }
