package awstest

import (
	"syscall"
	"time"
)

// preciseSleep is time.Sleep with an error of at most 0.1 ms.
func preciseSleep(d time.Duration) {
	for left := syscall.NsecToTimespec(d.Nanoseconds()); left.Nano() > 0; {
		if syscall.Nanosleep(&left, &left) != syscall.EINTR {
			return
		}
	}
}
