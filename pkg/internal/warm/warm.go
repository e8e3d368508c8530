// Package warm answers a get from the cache before the rest of the program is initialized,
// and then ends the process.
//
// A program with the AWS SDK takes two and a half times as long to start as an empty
// program, because Go initializes all package variables. Go initializes a package as soon
// as its imports are initialized, in the order of the import paths. An init function without
// imports of the standard library therefore runs before those of syscall, os and the SDK.
//
// The package only reads: the warm entry (package warmfile), the login file named in it,
// and the states of the files that the answer depends on. If anything is unexpected, it
// writes nothing and the normal path answers. Input gives the normal path the bytes that
// were already read from stdin. The package imports only kernel and warmfile. It acts in
// every program that links it, so only the command imports it.
package warm

// input contains the first length bytes of stdin; ended reports whether that is all of
// stdin. A longer request is not a host name.
var (
	input  [512]byte
	length int
	ended  bool
)

// failure is the error number of a write to stdout that failed after a part of the answer.
var failure uintptr

// Input returns the bytes that were read from stdin, and whether stdin has ended.
func Input() (data []byte, all bool) { return input[:length], ended }

// WriteError returns the error number (of package syscall) of the write that failed after a
// part of the answer, or 0.
func WriteError() uintptr { return failure }
