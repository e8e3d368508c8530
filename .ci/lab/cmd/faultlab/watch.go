//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
)

// watch kills a helper that grows far beyond its memory limit, before the machine runs
// out of memory. For the AWS CLI, it measures the shim's child.
func (s *stage) watch(ctx context.Context, pid int) {
	until(ctx, func() bool {
		heavy := pid
		if s.helper.cli != "" {
			heavy = childOf(pid)
		}
		resident, err := residentOf(heavy)
		if err != nil {
			return heavy == pid // a child may exit before the shim
		}
		if resident < killAbove {
			return false
		}
		s.grown.Store(true)
		_ = syscall.Kill(heavy, syscall.SIGKILL)
		return true
	})
}

// residentOf returns the resident size of a process in bytes.
func residentOf(pid int) (int64, error) {
	var size, resident int64
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &resident)
	}
	return resident * int64(os.Getpagesize()), err
}

// killAbove is twelve times the limit of I3.
const killAbove = 12 * maxRSS

// childOf returns a process's first child, or the process if it has none.
func childOf(pid int) int {
	child := pid
	if children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)); err == nil {
		_, _ = fmt.Sscan(string(children), &child)
	}
	return child
}
