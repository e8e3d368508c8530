package awstest

import (
	"syscall"
	"time"
)

// doze is time.Sleep, but no more than 0.1 ms too long.
func doze(d time.Duration) {
	for left := syscall.NsecToTimespec(d.Nanoseconds()); left.Nano() > 0; {
		if syscall.Nanosleep(&left, &left) != syscall.EINTR {
			return
		}
	}
}
