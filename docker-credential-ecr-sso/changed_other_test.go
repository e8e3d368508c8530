//go:build unix && !linux

package main

import "io/fs"

func changed(info fs.FileInfo) any { return info.ModTime() }
