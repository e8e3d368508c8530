//go:build !linux

package main

import "fmt"

func main() { fmt.Println("herd is skipped: it needs Linux") }
