//go:build linux && amd64

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// faults maps names to errors.
var faults = map[string]unix.Errno{
	"EIO": unix.EIO, "ENOSPC": unix.ENOSPC, "EACCES": unix.EACCES, "EMFILE": unix.EMFILE,
	"EDQUOT": unix.EDQUOT, "EROFS": unix.EROFS, "ENOLCK": unix.ENOLCK,
	"EOPNOTSUPP": unix.EOPNOTSUPP, "ENOSYS": unix.ENOSYS,
}

func (t *tracer) setFault(name string) error {
	switch name {
	case "":
		t.at, t.every = 0, ""
	case "hang":
		t.hang = true
	case "kill-before":
		t.kill = "before"
	case "kill-after":
		t.kill = "after"
	default:
		errno, ok := faults[name]
		if !ok {
			return fmt.Errorf("unknown fault %q", name)
		}
		t.errno = errno
	}
	return nil
}

func (t *tracer) faultName() string {
	switch {
	case t.errno == unix.EOPNOTSUPP:
		return "EOPNOTSUPP" // ENOTSUP is the same number on Linux
	case t.errno != 0:
		return unix.ErrnoName(t.errno)
	case t.hang:
		return "hang"
	}
	return "kill-" + t.kill
}

// skip replaces the call at its entry with a nonexistent call that has no effect.
func (t *tracer) skip(tid int) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) == nil {
		regs.Orig_rax = ^uint64(0)
		_ = unix.PtraceSetRegs(tid, &regs)
	}
}

// setError sets the result of the call at its exit.
func (t *tracer) setError(tid int, errno unix.Errno) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) == nil {
		regs.Rax = uint64(-int64(errno))
		_ = unix.PtraceSetRegs(tid, &regs)
	}
}
