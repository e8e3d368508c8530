//go:build !linux

package awstest

import "time"

func doze(d time.Duration) { time.Sleep(d) }
