package awstest

import (
	"os"
	"syscall"
)

// WriteProgram writes a program, for example for a credential_process. Meanwhile, this
// process starts no other program: until it calls exec, a child would have the file open for
// writing, and Linux does not run such a file ("text file busy", https://go.dev/issue/22315).
func WriteProgram(path string, text []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, text, 0o700)
}
