//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// watch ends a helper that grows far past its bound, before the machine suffers; the
// AWS CLI is the shim's child.
func (s *stage) watch(ctx context.Context, pid int) {
	until(ctx, func() bool {
		heavy := pid
		if s.helper.cli != "" {
			heavy = childOf(pid)
		}
		resident, err := residentOf(heavy)
		if err != nil {
			return heavy == pid // a child may be over while the shim is not
		}
		if resident < enough {
			return false
		}
		s.grown.Store(true)
		_ = syscall.Kill(heavy, syscall.SIGKILL)
		return true
	})
}

// residentOf is the memory that a process holds, in bytes.
func residentOf(pid int) (int64, error) {
	var size, resident int64
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &resident)
	}
	return resident * int64(os.Getpagesize()), err
}

// enough is twelve times the bound of I3.
const enough = 12 * maxRSS

// childOf is a process's first child, or itself when it has none.
func childOf(pid int) int {
	child := pid
	if children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)); err == nil {
		_, _ = fmt.Sscan(string(children), &child)
	}
	return child
}
