// Package kernel makes the system calls of package warm, before package syscall is
// initialized. On systems other than Linux it is empty.
//
// Go initializes nine packages before syscall, and syscall copies each path to the heap.
// Both caused a fifth of the page faults of a warm get (docs/decisions/0009). These
// functions need no initialized package, no heap and little stack. All other code uses
// package os.
package kernel
