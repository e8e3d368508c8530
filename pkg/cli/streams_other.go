//go:build !unix

package cli

import "os"

const noFollow = 0

// closedAtStart is a matter of Unix descriptors; elsewhere the write itself
// fails.
func closedAtStart(*os.File) bool { return false }
