//go:build !unix

package prompt

import (
	"io"
	"os"
)

// openKeyboard: a console is read through an interface of its own, which the
// list's library needs the file for.
func openKeyboard(f *os.File) (list io.Reader, closed func(), err error) {
	return f, func() {}, nil
}
