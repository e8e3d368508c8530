//go:build !(linux && amd64)

package main

import "fmt"

func main() { fmt.Println("crashsweep: skipped: it needs Linux on amd64") }
