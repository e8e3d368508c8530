//go:build !linux

package awstest

import "time"

func preciseSleep(d time.Duration) { time.Sleep(d) }
