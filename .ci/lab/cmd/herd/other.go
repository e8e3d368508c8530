//go:build !linux

package main

import "fmt"

func main() { fmt.Println("herd: skipped: it needs Linux") }
